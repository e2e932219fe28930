import { h, type JSX } from "../dom.ts";
import { STATES } from "../states.tsx";
import type { Counts, Status } from "../types.ts";

// Trouble, then what is over, then what moves, then what waits: the strip fills from the left.
const FROM_LEFT: readonly Status[] = [
  "FAILED",
  "TIMED_OUT",
  "LOST",
  "SUCCEEDED",
  "CANCELLED",
  "CANCELLING",
  "RUNNING",
  "QUEUED",
];

/** A few pixels that show how jobs share out among the states. Numbers beside it say the same. */
export function Strip({ counts }: { counts: Readonly<Counts> }): JSX.Element {
  return (
    <span class="jj-strip" aria-hidden="true">
      {FROM_LEFT.map((status) => {
        const flexGrow = counts[status];
        return flexGrow && <i key={status} class={STATES[status].token} style={{ flexGrow }} />;
      })}
    </span>
  );
}
