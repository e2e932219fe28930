import { h, memo, type JSX } from "../dom.ts";
import { STATUSES } from "../format.ts";
import { STATES } from "../states.tsx";
import type { Counts } from "../types.ts";

/** A few pixels that show how jobs share out among the states. Numbers beside it say the same. */
export const Strip = memo(({ counts }: { counts: Readonly<Counts> }): JSX.Element => {
  return (
    <span class="jj-strip" aria-hidden="true">
      {STATUSES.map((status) => {
        const flexGrow = counts[status];
        return flexGrow && <i key={status} class={STATES[status].token} style={{ flexGrow }} />;
      })}
    </span>
  );
});
