import { Fragment, h, useEffect, useRef, useState, type JSX } from "../dom.ts";
import { ALL } from "../choice.ts";
import { outlineOf, type Outline } from "../outline.ts";
import { Announcer } from "./announcer.tsx";
import { Empty } from "./empty.tsx";
import { Header } from "./header.tsx";
import { Help } from "./help.tsx";
import { onKey } from "./keys.ts";
import { List, MOST_ROWS } from "./list.tsx";
import { NewJob } from "./new_job.tsx";
import { Notice } from "./notice.tsx";
import { Strip } from "./strip.tsx";
import { Toolbar } from "./toolbar.tsx";
import { momentOf, type View } from "./view.ts";

/** The whole panel of one view. */
export function Panel({ view }: { view: View }): JSX.Element {
  const root = useRef<HTMLElement>(null);
  const { bridge, ui } = view;
  const { store, connection } = bridge;
  const { collapsed, choice, help, writing } = ui.now;
  const made = useRef<Outline | null>(null);
  const outline = (made.current ??= outlineOf(store));
  useEffect(() => () => outline.close(), []);
  outline.set(choice);
  outline.update();

  const parts = { view, outline, ...momentOf(view, outline) };
  const { frozen } = parts.presence;
  const counting = frozen ? connection.retryAt !== null : store.liveCount > 0;
  useDrawing(root, view, counting);

  const tools = useRef(false);
  tools.current ||= store.total > MOST_ROWS || choice !== ALL;
  const isEmpty = store.total === 0;
  return (
    <section
      ref={root}
      class={frozen ? "jj-root jj-frozen" : "jj-root"}
      aria-label="Jobs"
      onKeyDown={(event) => onKey(event, parts)}
    >
      <Header {...parts} />
      <Strip counts={parts.counts} />
      {!collapsed && (
        <>
          <Notice {...parts} />
          {help && <Help />}
          {writing && <NewJob view={view} />}
          {!isEmpty && tools.current && <Toolbar {...parts} />}
          {!isEmpty && <List {...parts} heads={tools.current} />}
          {isEmpty && !frozen && <Empty />}
        </>
      )}
      <Announcer view={view} />
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
      setDrawn((drawn) => drawn + 1);
    };
    const later = (): void => {
      frame ||= requestAnimationFrame(draw);
    };
    const stops = [view.bridge.changes.listen(later), view.ui.changes.listen(later)];
    const timer = counting ? setInterval(later, 1000) : undefined;
    later(); // what changed before this listened
    return () => {
      for (const stop of stops) stop();
      cancelAnimationFrame(frame);
      clearInterval(timer);
    };
  }, [visible, counting]);
}
