import { h, useEffect, useRef, useState, type JSX } from "../dom.ts";
import { isFailure } from "../format.ts";
import { STATES, STATUSES } from "../states.tsx";
import type { PartProps } from "./view.ts";

const PAUSE_MS = 10_000;

/** What a screen reader hears: a summary at most every ten seconds, a new failure at once. */
export function Announcer({ view, moment: { presence } }: PartProps): JSX.Element {
  const { counts } = view.bridge.store;
  const parts = STATUSES.filter((status) => counts[status]).map(
    (status) => `${counts[status]} ${STATES[status].word}`,
  );
  if (presence.kind !== "connected") parts.push(presence.word);
  const summary = parts.join(", ");
  const failures = STATUSES.filter(isFailure).reduce(
    (sum, status) => sum + (counts[status] ?? 0),
    0,
  );

  const [said, say] = useState("");
  const last = useRef({ at: -Infinity, failures });
  useEffect(() => {
    if (summary === said) return;
    const wait = failures > last.current.failures ? 0 : last.current.at + PAUSE_MS - Date.now();
    const timer = setTimeout(() => {
      last.current = { at: Date.now(), failures };
      say(summary);
    }, wait);
    return () => clearTimeout(timer);
  }, [summary, said, failures]);
  return (
    <div class="jj-hidden" role="status">
      {said}
    </div>
  );
}
