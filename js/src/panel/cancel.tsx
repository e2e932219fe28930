import { h, useEffect, useRef, type JSX } from "../dom.ts";
import { isLive, label, oneLine } from "../format.ts";
import type { Row } from "../types.ts";
import { ANSWER_MS } from "../ui_state.ts";
import type { View } from "./view.ts";

/** Whether a cancel makes sense and can reach anybody. */
export function canCancel({ bridge, ui }: View, row: Row): boolean {
  const asked = ui.now.cancels.get(row.id);
  return (
    bridge.kernel !== "silent" &&
    isLive(row.status) &&
    row.status !== "CANCELLING" &&
    (!asked || asked.phase === "refused")
  );
}

/** Send a cancel and show at once that it was sent; the job's own state takes over when it changes. */
export function cancel({ bridge, ui }: View, id: string): void {
  ui.set({ asking: null });
  ui.setCancel(id, { phase: "sent" });
  const timer = setTimeout(() => ui.setCancel(id, { phase: "waiting" }), ANSWER_MS);
  bridge
    .request("cancel", id)
    .then(
      () => ui.setCancel(id, { phase: "sent" }),
      (error: Error) => ui.setCancel(id, { phase: "refused", why: error.message }),
    )
    .finally(() => clearTimeout(timer));
}

/** The question in the row. */
export function Confirm({ row, view }: { row: Row; view: View }): JSX.Element {
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => yes.current?.focus({ preventScroll: true }), []);
  return (
    <div class="jj-confirm" role="gridcell">
      <span class="jj-question">Cancel {oneLine(label(row))}?</span>
      <button
        ref={yes}
        type="button"
        class="jj-button jj-danger"
        onClick={() => cancel(view, row.id)}
      >
        Cancel job
      </button>
      <button type="button" class="jj-button" onClick={() => view.ui.set({ asking: null })}>
        Keep
      </button>
    </div>
  );
}
