import { Fragment, h, useLayoutEffect, useRef, type JSX } from "../dom.ts";
import { COLUMNS } from "../columns.tsx";
import { grouped, isLive } from "../format.ts";
import { rowTop, sliceOf, type Geometry } from "../order.ts";
import { canCancel } from "./cancel.tsx";
import { onGridKey } from "./keys.ts";
import { RowView } from "./row.tsx";
import type { PartProps, View } from "./view.ts";

const MOST_ROWS = 8;

/** The jobs, trouble first; however many there are, only the rows in sight and a few more are in the page. */
export function List({ view, moment }: PartProps): JSX.Element {
  const { ui, bridge } = view;
  const { store } = bridge;
  const { open, asking, focused, cancels, rowHeight, scrollTop } = ui.now;
  const box = useRef<HTMLDivElement>(null);

  const openIndex = open === null ? -1 : store.indexOf(open);
  const drawerHeight = openIndex < 0 ? 0 : ui.now.drawerHeight;
  const height = Math.min(store.size, MOST_ROWS) * rowHeight + drawerHeight;
  const geometry = { scrollTop, height, rowHeight, count: store.size, openIndex, drawerHeight };
  const slice = sliceOf(geometry);
  const isLong = store.size > MOST_ROWS;
  const below = scrollTop + height < slice.total;
  const rows = store.slice(slice.first, slice.last);
  const reachable = (rows.find((row) => row.id === focused) ?? rows[0])?.id;

  useRowHeight(box, view);
  useSteadyRow(box, view, geometry);
  useKeptFocus(box, view);

  return (
    <>
      <div
        ref={box}
        class={`jj-list${isLong ? " jj-long" : ""}${isLong && below ? " jj-below" : ""}`}
        role="grid"
        aria-label="Jobs, trouble first"
        aria-rowcount={store.total}
        aria-colcount={COLUMNS.length + 1}
        tabIndex={-1}
        style={{ height: `${height}px` }}
        onScroll={(event) => ui.set({ scrollTop: event.currentTarget.scrollTop })}
        onKeyDown={(event) => onGridKey(event, view)}
      >
        <div
          role="presentation"
          style={{ height: `${slice.total}px`, paddingTop: `${slice.offset}px` }}
        >
          {rows.map((row, index) => (
            <RowView
              key={row.id}
              row={row}
              view={view}
              index={slice.first + index}
              open={row.id === open}
              asking={row.id === asking}
              cancel={cancels.get(row.id)}
              cancellable={canCancel(view, row)}
              reachable={row.id === reachable}
              now={isLive(row.status) ? moment.now : 0}
              frozen={moment.presence.frozen}
            />
          ))}
        </div>
      </div>
      {store.size < store.total && (
        <p class="jj-foot">
          {grouped(store.size)} of {grouped(store.total)} jobs
        </p>
      )}
    </>
  );
}

type Box = { readonly current: HTMLDivElement | null };

/** Take the height of a row from the style sheet, which folds rows into two lines where the panel is narrow. */
function useRowHeight(box: Box, { ui }: View): void {
  useLayoutEffect(() => {
    const list = box.current as HTMLDivElement;
    const measure = (): void => {
      const rowHeight = parseFloat(getComputedStyle(list).getPropertyValue("--jj-row"));
      if (rowHeight > 0 && rowHeight !== ui.now.rowHeight) ui.set({ rowHeight });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(list);
    return () => observer.disconnect();
  }, []);
}

/** Keep the open row, else the one with the keyboard, where it is in sight while others move past it. */
function useSteadyRow(box: Box, { ui, bridge }: View, geometry: Geometry): void {
  const held = useRef<{ id: string; top: number } | null>(null);
  useLayoutEffect(() => {
    const list = box.current as HTMLDivElement;
    const id = ui.now.open ?? (list.contains(activeElement(list)) ? ui.now.focused : null);
    const index = id === null ? -1 : bridge.store.indexOf(id);
    if (id === null || index < 0) {
      held.current = null;
      return;
    }
    const top = rowTop(index, geometry);
    const before = held.current;
    held.current = { id, top };
    if (before?.id !== id || before.top === top) return;
    const wasInSight =
      before.top >= list.scrollTop && before.top < list.scrollTop + geometry.height;
    if (wasInSight) list.scrollTop += top - before.top;
  });
}

/** Give the keyboard to the row that asks for it, and back to its row when the element that had it goes. */
function useKeptFocus(box: Box, { ui }: View): void {
  const { wantsFocus, focused } = ui.now;
  const list = box.current;
  const had = list !== null && list.contains(activeElement(list));
  useLayoutEffect(() => {
    const now = box.current as HTMLDivElement;
    if (wantsFocus) ui.set({ wantsFocus: false });
    if (wantsFocus || (had && !now.contains(activeElement(now)))) focusRow(now, focused);
  });
}

const activeElement = (inside: Element): Element | null =>
  (inside.getRootNode() as Document | ShadowRoot).activeElement;

function focusRow(list: HTMLElement, id: string | null): void {
  const rows = [...list.querySelectorAll<HTMLElement>("[data-id]")];
  (rows.find((row) => row.dataset.id === id) ?? list).focus({ preventScroll: true });
}
