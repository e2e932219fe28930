import { Fragment, h, useEffect, useState, type JSX } from "../dom.ts";
import { isFailure, isLive } from "../format.ts";
import { presenceOf } from "../presence.ts";
import { STATES, STATUSES } from "../states.tsx";
import type { Status } from "../types.ts";
import type { PartProps } from "./view.ts";

const PAUSE_MS = 10_000;
/** Failures that follow each other closely are one sentence. */
const BREATH_MS = 2_000;

/**
 * What a screen reader hears: what happened, at most every ten seconds; a failure or a lost connection at once.
 * It listens for itself, so that it also speaks while the panel is out of sight.
 */
export function Announcer({ view: { bridge } }: PartProps): JSX.Element {
  const [[said, isUrgent], say] = useState(["", false]);
  useEffect(() => {
    const { store } = bridge;
    const look = () => ({
      counts: { ...store.counts },
      presence: presenceOf(bridge.kernel, bridge.connection),
    });
    let before = look();
    let spokeAt = -Infinity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isTimed = false;
    const more = (status: Status): number =>
      isLive(status) ? 0 : (store.counts[status] ?? 0) - (before.counts[status] ?? 0);
    const speak = (): void => {
      const { presence, counts } = look();
      const news = STATUSES.filter((status) => more(status) > 0).map(
        (status) => `${more(status)} ${STATES[status].word}`,
      );
      if (news.length) news.push(store.liveCount ? `${store.liveCount} to go` : "all are over");
      if (presence.kind !== before.presence.kind) news.push(presence.word);
      if (news.length) {
        say([`Jobs: ${news.join(", ")}.`, isTimed]);
        spokeAt = Date.now();
      }
      before = { presence, counts };
      timer = undefined;
    };
    const listen = (): void => {
      const { presence } = look();
      if (before.presence.kind === "connecting") before = look(); // found so, not happened
      const urgent =
        (presence.frozen && !before.presence.frozen) ||
        STATUSES.some((s) => isFailure(s) && more(s) > 0);
      if (timer && urgent === isTimed) return;
      isTimed = urgent;
      clearTimeout(timer);
      timer = setTimeout(speak, spokeAt + (urgent ? BREATH_MS : PAUSE_MS) - Date.now());
    };
    const stop = bridge.changes.listen(listen);
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return (
    <>
      <div class="jj-hidden" role="status">
        {!isUrgent && said}
      </div>
      <div class="jj-hidden" role="alert">
        {isUrgent && said}
      </div>
    </>
  );
}
