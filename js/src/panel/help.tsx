import { h, type JSX } from "../dom.ts";
import { terms, takeFocus } from "./parts.tsx";

const KEYS =
  "↑ ↓|move,Enter|details,L|log,X|cancel,R|retry,C|copy the id,/|search,N|new job,F|failures,A|show all,Esc|close,?|keys";

/** The keys of the panel, as a sheet. */
export const Help = (): JSX.Element => (
  <dl ref={takeFocus} class="jj-help" aria-label="Keys" tabIndex={-1}>
    {terms(KEYS.split(",").map((entry) => entry.split("|") as [string, string]))}
  </dl>
);
