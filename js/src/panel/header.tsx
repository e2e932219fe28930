import { h, type JSX } from "../dom.ts";
import { clockTime, grouped } from "../format.ts";
import { secondsToRetry } from "../presence.ts";
import { StateIcon, STATES, STATUSES } from "../states.tsx";
import type { Counts } from "../types.ts";
import type { PartProps } from "./view.ts";

/** The one line that tells the truth, also when the panel is collapsed. */
export function Header({ view, moment }: PartProps): JSX.Element {
  const { ui, bridge } = view;
  const { collapsed } = ui.now;
  const does = collapsed ? "Show the jobs" : "Show only this line";
  return (
    <div class="jj-header">
      <span class="jj-title">Jobs</span>
      <CountList counts={bridge.store.counts} />
      {bridge.backend && <span class="jj-backend">{bridge.backend}</span>}
      <Connection view={view} moment={moment} />
      <button
        type="button"
        class="jj-glyph-button jj-chevron"
        aria-expanded={!collapsed}
        aria-label={does}
        title={does}
        onClick={() => ui.set({ collapsed: !collapsed })}
      />
    </div>
  );
}

// So many kinds of states leave room for their words: in any panel, in a narrow one.
const ROOM = 6;
const LITTLE_ROOM = 3;

function CountList({ counts }: { counts: Readonly<Counts> }): JSX.Element {
  const there = STATUSES.filter((status) => counts[status]);
  if (there.length === 0) return <span class="jj-counts jj-muted">none yet</span>;
  const room = there.length > ROOM ? "jj-crowded" : there.length > LITTLE_ROOM ? "jj-many" : "";
  return (
    <ul class={`jj-counts ${room}`}>
      {there.map((status) => {
        const count = grouped(counts[status] ?? 0);
        const { word } = STATES[status];
        return (
          <li key={status} title={`${count} ${word}`}>
            <StateIcon status={status} pulse />
            <b>{count}</b> <span class="jj-word">{word}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Connection({ view: { bridge }, moment: { presence, wall } }: PartProps): JSX.Element {
  const { connection } = bridge;
  let more = "";
  if (presence.kind === "reconnecting") {
    const wait = secondsToRetry(connection, wall);
    more = `try ${connection.attempt}${wait ? `, next in ${wait}s` : ""}`;
  } else if (presence.kind === "silent" && bridge.asOf) {
    more = `as of ${clockTime(bridge.asOf, Date.now(), false)}`;
  }
  return (
    <span class={`jj-presence jj-p-${presence.tone}`} title={connection.detail}>
      <i aria-hidden="true" />
      {presence.word}
      {more && <span class="jj-more"> · {more}</span>}
    </span>
  );
}
