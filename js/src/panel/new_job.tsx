import { h, useRef, useState, type JSX } from "../dom.ts";
import { objectTrouble } from "../format.ts";
import { URGENCY } from "../order.ts";
import type { NewJob as Asked } from "../types.ts";
import { Button, takeFocus } from "./parts.tsx";
import type { View } from "./view.ts";

// Options that come one by one leave it open which of them is selected.
const beMedium = (select: HTMLSelectElement | null): void => {
  if (select) select.value = "MEDIUM";
};

/** A job to be written: a named request, how urgent it is, and its parameters. */
export function NewJob({ view: { bridge, ui } }: { view: View }): JSX.Element {
  const form = useRef<HTMLFormElement>(null);
  const [says, say] = useState("");
  const [busy, setBusy] = useState(false);
  const [names] = useState(() => `${Math.random()}`);
  const written = (): Record<string, string> =>
    Object.fromEntries(new FormData(form.current as HTMLFormElement) as Iterable<[string, string]>);
  const submit = (event?: Event): void => {
    event?.preventDefault();
    event?.stopPropagation();
    if (busy) return;
    const { request = "", priority, params = "" } = written();
    const wrong = request.trim() ? objectTrouble(params) : "Name what is to be done.";
    say(wrong || "Submitting…");
    if (wrong) return;
    setBusy(true);
    const job = {
      request: request.trim(),
      priority,
      params: JSON.parse(params.trim() || "null"),
    } as Asked;
    bridge
      .request("submit", [], () => say("Waiting: the kernel is busy."), job)
      .then(
        () => ui.set({ writing: false, wantsFocus: true }),
        ({ message }: Error) => {
          say(message);
          setBusy(false);
        },
      );
  };
  return (
    <form
      ref={form}
      class="jj-new"
      aria-label="New job"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
      }}
    >
      <label>
        Request
        <input ref={takeFocus} name="request" list={names} />
      </label>
      <datalist id={names}>
        {bridge.requests.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label>
        Priority
        <select ref={beMedium} name="priority">
          {Object.keys(URGENCY).map((each) => (
            <option key={each} value={each}>
              {each.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      <label class="jj-params">
        Parameters (JSON)
        <textarea
          name="params"
          rows={3}
          onInput={() => say(objectTrouble(written().params ?? ""))}
        />
      </label>
      <p role="status">{says}</p>
      <Button disabled={busy} does={() => submit()}>
        Submit
      </Button>
    </form>
  );
}
