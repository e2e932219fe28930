import { Fragment, h, useEffect, useRef, useState, type JSX } from "../dom.ts";
import { Announcer } from "./announcer.tsx";
import { Empty } from "./empty.tsx";
import { Header } from "./header.tsx";
import { List } from "./list.tsx";
import { Notice } from "./notice.tsx";
import { Strip } from "./strip.tsx";
import { momentOf, type View } from "./view.ts";

/** The whole panel of one view. */
export function Panel({ view }: { view: View }): JSX.Element {
  const root = useRef<HTMLElement>(null);
  const moment = momentOf(view);
  const { bridge, ui } = view;
  const { store, connection } = bridge;
  const { frozen } = moment.presence;
  const counting = frozen ? connection.retryAt !== null : store.liveCount > 0;
  useDrawing(root, view, counting);

  const isEmpty = store.total === 0;
  return (
    <section ref={root} class={frozen ? "jj-root jj-frozen" : "jj-root"} aria-label="Jobs">
      <Header view={view} moment={moment} />
      <Strip counts={store.counts} />
      {!ui.now.collapsed && (
        <>
          <Notice view={view} moment={moment} />
          {!isEmpty && <List view={view} moment={moment} />}
          {isEmpty && !frozen && <Empty />}
        </>
      )}
      <Announcer view={view} moment={moment} />
    </section>
  );
}

/**
 * Draw what changed at most once a frame, and once a second while something counts seconds; out of sight not at all.
 */
function useDrawing(
  root: { readonly current: Element | null },
  view: View,
  counting: boolean,
): void {
  const [, setDrawn] = useState(0);
  const [visible, setVisible] = useState(true);

  const redraw = (): void => setDrawn((drawn) => drawn + 1);

  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      setVisible(entries.at(-1)?.isIntersecting ?? true);
    });
    observer.observe(root.current as Element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!visible) return;
    let frame = 0;
    const draw = (): void => {
      frame = 0;
      redraw();
    };
    const later = (): void => {
      frame ||= requestAnimationFrame(draw);
    };
    const stops = [view.bridge.changes.listen(later), view.ui.changes.listen(later)];
    later(); // what changed before this listened
    return () => {
      for (const stop of stops) stop();
      cancelAnimationFrame(frame);
    };
  }, [visible]);

  useEffect(() => {
    if (!visible || !counting) return;
    const timer = setInterval(redraw, 1000);
    return () => clearInterval(timer);
  }, [visible, counting]);
}
