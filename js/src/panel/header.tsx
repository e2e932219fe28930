import { h, memo, type JSX } from "../dom.ts";
import { clockTime, grouped, isLive, STATUSES } from "../format.ts";
import { secondsToRetry } from "../presence.ts";
import { StateIcon, STATES } from "../states.tsx";
import type { Status } from "../types.ts";
import { can } from "./asking.tsx";
import { NotifyButton } from "./notify.tsx";
import { Button, Chevron, Glyph } from "./parts.tsx";
import type { PartProps } from "./view.ts";

/** The one line that tells the truth, also when the panel is collapsed. */
export const Header = memo((props: PartProps): JSX.Element => {
  const { ui, bridge } = props.view;
  const { collapsed, writing } = ui.now;
  return (
    <div class="jj-header">
      <span class="jj-title">Jobs</span>
      <Chips {...props} />
      {bridge.backend && <span class="jj-backend">{bridge.backend}</span>}
      <Connection {...props} />
      {can(props.view, "submit") && (
        <Glyph
          title="New job"
          aria-pressed={writing}
          path="M8 3v10M3 8h10"
          does={() => ui.set({ writing: !writing, collapsed: false })}
        />
      )}
      <NotifyButton {...props} />
      <Chevron
        open={!collapsed}
        title={collapsed ? "Show the jobs" : "Show only this line"}
        does={() => ui.set({ collapsed: !collapsed })}
      />
    </div>
  );
});

// So many kinds of states leave room for their words: in any panel, in a narrow one.
const ROOM = 5;
const LITTLE_ROOM = 3;

/** How many jobs are in which state; a press shows only those, another one all again. */
function Chips({ view: { ui }, counts, presence }: PartProps): JSX.Element {
  const { statuses } = ui.now.choice;
  // One that is chosen stays, and so does the one that has the keyboard, which would be lost with it.
  const focused = (document.activeElement as HTMLElement | null)?.dataset["status"];
  const there = STATUSES.filter(
    (status) => counts[status] || statuses.has(status) || status === focused,
  );
  const room = there.length > ROOM ? "jj-crowded" : there.length > LITTLE_ROOM ? "jj-many" : "";
  const press = (status: Status): void => {
    const chosen = new Set(statuses);
    if (!chosen.delete(status)) chosen.add(status);
    ui.choose({ statuses: chosen });
    ui.set({ collapsed: false });
  };
  return (
    <div class={`jj-counts ${room}`} role="group" aria-label="Show only">
      {!there.length && <span class="jj-muted">none yet</span>}
      {there.map((status) => {
        const count = grouped(counts[status] ?? 0);
        const word = STATES[status].word + (presence.frozen && isLive(status) ? "?" : "");
        return (
          <Button
            key={status}
            class="jj-chip"
            data-status={status}
            aria-pressed={statuses.has(status)}
            title={`${count} ${word}`}
            does={() => press(status)}
          >
            <StateIcon status={status} pulse />
            <b>{count}</b> <span class="jj-word">{word}</span>
          </Button>
        );
      })}
    </div>
  );
}

function Connection({ view: { bridge }, presence, wall }: PartProps): JSX.Element {
  const { connection, waiting } = bridge;
  let { word, tone } = presence;
  let more = "";
  if (presence.kind === "reconnecting") {
    const wait = secondsToRetry(connection, wall);
    more = `try ${connection.attempt}${wait ? `, next in ${wait}s` : ""}`;
  } else if (presence.kind === "silent") {
    if (bridge.asOf) more = `as of ${clockTime(bridge.asOf, Date.now(), false)}`;
  } else if (waiting) {
    word = "kernel busy";
    tone = "wait";
    more = waiting > 1 ? `${waiting} clicks wait` : "1 click waits";
  }
  return (
    <span class={`jj-presence jj-p-${tone}`} title={connection.detail}>
      <i aria-hidden="true" />
      {word}
      {more && <span class="jj-more"> · {more}</span>}
    </span>
  );
}
