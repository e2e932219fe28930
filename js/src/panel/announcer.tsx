import { Fragment, h, memo, useEffect, useState, type JSX } from "../dom.ts";
import { isFailure, isLive, STATUSES } from "../format.ts";
import { presenceOf } from "../presence.ts";
import type { Counts } from "../types.ts";
import { inWords } from "./notify.tsx";
import type { View } from "./view.ts";

const PAUSE_MS = 10_000;
/** Failures that follow each other closely are one sentence. */
const BREATH_MS = 2_000;

/**
 * What a screen reader hears: what happened, at most every ten seconds; a failure or a lost connection at once.
 * It listens for itself, so that it also speaks while the panel is out of sight.
 */
export const Announcer = memo(({ view: { bridge } }: { view: View }): JSX.Element => {
  const [[said, isUrgent], say] = useState(["", false]);
  useEffect(() => {
    const { store } = bridge;
    const look = () => ({
      counts: store.counts,
      presence: presenceOf(bridge.kernel, bridge.connection),
    });
    let before = look();
    let spokeAt = -Infinity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let urgent = false;
    /** How many more jobs than before ended in each way. */
    const ended = (): Counts => {
      const more: Counts = {};
      for (const status of STATUSES)
        if (!isLive(status))
          more[status] = (store.counts[status] ?? 0) - (before.counts[status] ?? 0);
      return more;
    };
    const speak = (): void => {
      timer = undefined;
      const { kind, word } = look().presence;
      const news = inWords(ended());
      if (news.length) news.push(store.liveCount ? `${store.liveCount} to go` : "all are over");
      if (kind !== before.presence.kind) news.push(word);
      before = look();
      if (!news.length) return;
      spokeAt = Date.now();
      say([`Jobs: ${news.join(", ")}.`, urgent]);
    };
    const stop = bridge.changes.listen(() => {
      if (before.presence.kind === "connecting") before = look(); // found so, not happened
      const more = ended();
      const wasUrgent = urgent;
      urgent =
        look().presence.frozen > before.presence.frozen ||
        STATUSES.some((status) => isFailure(status) && (more[status] ?? 0) > 0);
      if (timer && urgent === wasUrgent) return;
      clearTimeout(timer);
      timer = setTimeout(speak, spokeAt + (urgent ? BREATH_MS : PAUSE_MS) - Date.now());
    });
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
});
