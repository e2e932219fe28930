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

/** Six pixels that show how all jobs share out among the states. The header says the same in words. */
export function Strip({ counts }: { counts: Readonly<Counts> }): JSX.Element {
  return (
    <div class="jj-strip" aria-hidden="true">
      {FROM_LEFT.map((status) => {
        const flexGrow = counts[status];
        return flexGrow && <span key={status} class={STATES[status].token} style={{ flexGrow }} />;
      })}
    </div>
  );
}
