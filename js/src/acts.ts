/** What becomes of a click: shown at once, and until the job shows it by itself. */

import type { JobStore } from "./store.ts";
import type { Deed, Verdicts } from "./types.ts";
import type { ActState, UiState } from "./ui_state.ts";

/** How long a click is shown after its answer, unless the job shows it before. */
export const SHOWN_MS = 5_000;

interface Kernel {
  store: JobStore;
  request(verb: Deed, ids: readonly string[], onWaiting: () => void): Promise<unknown>;
}

/** Cancel jobs, retry them, or run them again, except those that are being acted on already. */
export function act(
  { store, request }: Kernel,
  ui: UiState,
  verb: Deed,
  ids: readonly string[],
): void {
  const { acts } = ui.now;
  const statusOf = (id: string): unknown => store.get(id)?.status;
  const open = new Map(
    ids
      .filter((id) => (acts.get(id)?.phase ?? "refused") === "refused")
      .map((id) => [id, statusOf(id)]),
  );
  if (!open.size) return;
  const show = (state: ActState): void => ui.setActs(open.keys(), state);
  const end = (which: Iterable<string>, state: ActState | null): void => {
    ui.setActs(
      [...which].filter((id) => open.delete(id)),
      state,
    );
    if (!open.size) unwatch();
  };
  const refuse = (which: Iterable<string>, why: string): void =>
    end(which, { verb, phase: "refused", why });
  const unwatch = store.watch((changed) => {
    const known = changed ?? [...open.keys()];
    end(
      known.filter((id) => open.has(id) && statusOf(id) !== open.get(id)),
      null,
    );
  });

  show({ verb, phase: "sent" });
  request(verb, [...open.keys()], () => show({ verb, phase: "waiting" })).then(
    (data) => {
      for (const [id, why] of Object.entries((data as Partial<Verdicts>)?.refused ?? {}))
        refuse([id], why);
      show({ verb, phase: "sent" });
      setTimeout(() => end(open.keys(), null), SHOWN_MS);
    },
    (error: Error) => refuse(open.keys(), error.message),
  );
}
