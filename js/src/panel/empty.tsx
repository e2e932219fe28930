import { h, type JSX } from "../dom.ts";
import { Snippet } from "./copy.tsx";

/** What to type, while there is no job. */
export function Empty(): JSX.Element {
  return (
    <div class="jj-empty">
      <p>No jobs yet. Submit a function, and it shows up here:</p>
      <Snippet code="monitor.submit(fn, *args)" />
    </div>
  );
}
