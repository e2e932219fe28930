/** Tells a reader who looks elsewhere that the jobs are over: the browser notifies, and the tab's title gets a mark. */

import { h, useEffect, type JSX } from "../dom.ts";
import type { Bridge } from "../bridge.ts";
import { STATUSES } from "../format.ts";
import { STATES } from "../states.tsx";
import type { Counts } from "../types.ts";
import type { UiState } from "../ui_state.ts";
import { Glyph } from "./parts.tsx";
import type { View } from "./view.ts";

/** Nobody is called back for jobs that were all shorter. */
const LONG_MS = 60_000;

/** The views of each monitor; all of them together tell once. */
const watched = new WeakMap<Bridge, Set<UiState>>();

/** Those of one monitor. The first call begins to look out for ends of batches, also while nothing is drawn. */
function viewsOf(bridge: Bridge): Set<UiState> {
  const known = watched.get(bridge);
  if (known) return known;
  const views = new Set<UiState>();
  watched.set(bridge, views);
  let wasLive: boolean | null = null;
  let lastEnd = 0;
  const look = (): void => {
    const isLive = bridge.store.liveCount > 0;
    if (bridge.kernel !== "live" || isLive === wasLive) return;
    const counts: Counts = {};
    const from = lastEnd;
    let isLong = false;
    for (const { status, startedAt, finishedAt } of isLive ? [] : bridge.store.rows()) {
      if (!finishedAt || finishedAt <= from) continue;
      counts[status] = (counts[status] ?? 0) + 1;
      lastEnd = Math.max(lastEnd, finishedAt);
      isLong ||= finishedAt - (startedAt ?? finishedAt) > LONG_MS;
    }
    const isWanted = document.hidden && [...views].some((ui) => ui.now.notify);
    if (wasLive && isLong && isWanted) tell(inWords(counts).join(", "));
    wasLive = isLive;
  };
  bridge.changes.listen(look);
  look();
  return views;
}

/** `3 failed`, `97 succeeded`: each count with its word. */
export const inWords = (counts: Counts): string[] =>
  STATUSES.filter((status) => (counts[status] ?? 0) > 0).map(
    (status) => `${counts[status]} ${STATES[status].word}`,
  );

function tell(ends: string): void {
  const mark = `${ends} — `;
  document.title = mark + document.title;
  const onVisible = (): void => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", onVisible);
    document.title = document.title.replace(mark, ""); // others may have changed the rest meanwhile
  };
  document.addEventListener("visibilitychange", onVisible);
  try {
    new Notification(`Jobs: ${ends}`).onclick = () => window.focus();
  } catch {
    // Missing, or forbidden to pages: the title tells.
  }
}

/** The bell of the header. What the browser must allow is asked for by a click on it, never before. */
export function NotifyButton({ view: { bridge, ui } }: { view: View }): JSX.Element {
  useEffect(() => {
    const views = viewsOf(bridge).add(ui);
    return () => void views.delete(ui);
  }, []);
  const { notify } = ui.now;
  const toggle = (): void => {
    for (const each of viewsOf(bridge)) each.set({ notify: !notify });
    if (!notify) void window.Notification?.requestPermission();
  };
  return (
    <Glyph
      class="jj-glyph-button jj-bell"
      aria-pressed={notify}
      title="Tell me when all jobs are over"
      path="M8 2a4 4 0 0 1 4 4c0 3 1.5 4.5 1.5 5.5h-11C2.5 10.5 4 9 4 6a4 4 0 0 1 4-4zM6.7 13.7h2.6"
      does={toggle}
    />
  );
}
