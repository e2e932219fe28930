import { Fragment, h, useLayoutEffect, useRef, type JSX } from "../dom.ts";
import { COLUMNS } from "../columns.tsx";
import { grouped, isLive } from "../format.ts";
import { OVERSCAN, rowTop, sliceOf, slotsOf } from "../order.ts";
import { verbOf } from "./asking.tsx";
import { GroupView } from "./group.tsx";
import { Button, useMeasured } from "./parts.tsx";
import { RowView } from "./row.tsx";
import { showAll } from "./toolbar.tsx";
import type { PartProps, View } from "./view.ts";

export const MOST_ROWS = 8;
/** The list is drawn again when it was scrolled by so many rows; what is drawn around those in sight is more. */
const STEP = 3;

/** The lines, trouble first; however many there are, only those in sight and a few more are in the page. */
export function List(props: PartProps & { heads: boolean }): JSX.Element {
  const { view, outline, presence, now, heads } = props;
  const { frozen } = presence;
  const { ui, bridge } = view;
  const { store } = bridge;
  const { open, asking, focused, wantsFocus, acts, rowHeight, scrollTop, choice } = ui.now;
  const { count } = outline;
  // The style sheet decides how high a row is: it folds rows into two lines where the panel is narrow.
  const box = useMeasured((list) => {
    const rowHeight = parseFloat(getComputedStyle(list).getPropertyValue("--jj-row"));
    if (rowHeight > 0 && rowHeight !== ui.now.rowHeight) ui.set({ rowHeight });
  });
  /** As it was drawn before. */
  const held = useRef({
    choice,
    rows: 0,
    id: "",
    top: 0,
    at: scrollTop,
    slots: new Map<string, number>(),
  });

  // The list grows with its lines. It shrinks only where the reader folds, groups or sorts.
  const was = held.current.choice;
  const isRefined = was.query !== choice.query || was.statuses !== choice.statuses;
  const least = was === choice || isRefined ? held.current.rows : 0;
  const rows = Math.min(MOST_ROWS, Math.max(count, least));

  const openIndex = open === null ? -1 : outline.indexOf(open);
  const drawerHeight = openIndex < 0 ? 0 : ui.now.drawerHeight;
  const height = rows * rowHeight + drawerHeight;
  const geometry = { scrollTop, height, rowHeight, count, openIndex, drawerHeight };
  // Scrolled further than is drawn in advance: what is in sight has to do until the next drawing.
  const by = Math.abs(scrollTop - held.current.at);
  const isHasty = by > OVERSCAN * rowHeight;
  const { first, last, offset, total } = sliceOf(geometry, isHasty ? 0 : OVERSCAN);
  const below = scrollTop + height < total;
  const lines = outline.slice(first, last);
  // To fill an element anew costs less than a new one. Only while nobody aims at it, and not where the reader is.
  const keys = lines.map(({ key }) => key);
  const taken = by ? [...keys, open, focused, asking?.key] : null;
  const free = [...held.current.slots].flatMap(([key, slot]) =>
    !taken || taken.includes(key) ? [] : slot,
  );
  const slots = slotsOf(keys, held.current.slots, free);
  const reachable = (lines.find(({ key }) => key === focused) ?? lines[0])?.key;
  const hadFocus = hasFocus(box.current);

  useLayoutEffect(() => {
    const list = box.current as HTMLDivElement;
    if (!held.current.rows) list.scrollTop = scrollTop; // where another view was left
    // What was asked for begins at its beginning; else the open line, or the one with the keyboard, stays in its place.
    if (was !== choice && was.unfolded === choice.unfolded) list.scrollTop = 0;
    const id = (openIndex < 0 ? hasFocus(list) && focused : open) || "";
    const index = id ? outline.indexOf(id) : -1;
    const top = rowTop(index, geometry);
    const moved = top - held.current.top;
    if (moved && id && id === held.current.id) {
      const seen = top - moved - list.scrollTop; // to read it lays the page out: only where it matters
      if (seen >= 0 && seen < height) list.scrollTop += moved;
    }
    held.current = { choice, rows, id: index < 0 ? "" : id, top, at: scrollTop, slots };
    if (isHasty) ui.set({});
    // The keyboard goes to the line that asks for it, and back to its line when the element that had it goes.
    if (wantsFocus) ui.set({ wantsFocus: false });
    if (wantsFocus || (hadFocus && !hasFocus(list.closest("section")))) {
      const drawn = [...list.querySelectorAll<HTMLElement>("[data-key]")];
      const line = drawn.find(({ dataset }) => dataset.key === focused) ?? list;
      line.focus({ preventScroll: true });
    }
  });

  return (
    <>
      <div
        role="treegrid"
        aria-label="Jobs"
        aria-rowcount={count + store.total - store.size + Number(heads)}
        aria-colcount={COLUMNS.length + 1}
      >
        {heads && <Heads view={view} />}
        <div
          ref={box}
          class={below ? "jj-list jj-below" : "jj-list"}
          role="rowgroup"
          tabIndex={-1}
          style={{ height: `${count ? height : 0}px` }}
          onScroll={({ currentTarget: { scrollTop: at } }) => {
            const far = Math.abs(at - ui.now.scrollTop) >= STEP * rowHeight;
            if (far || at + height < total !== below) ui.set({ scrollTop: at });
          }}
        >
          <div role="presentation" style={{ height: `${total}px`, paddingTop: `${offset}px` }}>
            {lines.map((line, place) => {
              const { key } = line;
              const common = {
                key: slots.get(key) as number,
                view,
                id: key,
                index: first + place + 1 + Number(heads),
                open: key === open,
                asking: asking?.key === key,
                tabIndex: key === reachable ? 0 : -1,
              };
              if (line.kind !== "job")
                return (
                  <GroupView {...common} group={line.group} acts={acts} now={frozen ? 0 : now} />
                );
              const { row } = line;
              return (
                <RowView
                  {...common}
                  row={row}
                  level={line.depth + 1}
                  frozen={frozen}
                  act={acts.get(row.id)}
                  verb={verbOf(view, row)}
                  now={isLive(row.status) || row.attached ? now : 0}
                />
              );
            })}
          </div>
        </div>
      </div>
      {!count && store.size > 0 && (
        <p class="jj-none" style={{ height: `${height}px` }}>
          No job matches.
          <Button does={() => showAll(view)}>Show all</Button>
        </p>
      )}
      {store.size < store.total && (
        <p class="jj-foot">
          {grouped(store.size)} of {grouped(store.total)} jobs
        </p>
      )}
    </>
  );
}

/** The columns' titles; a press sorts: down, up, trouble first again. */
function Heads({ view: { ui } }: { view: View }): JSX.Element {
  const { sort } = ui.now.choice;
  return (
    <div class="jj-line jj-heads" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ key, title }) => {
        const down = sort?.key === key ? sort.down : null;
        return (
          <div
            key={key}
            class={`jj-cell jj-c-${key}`}
            role="columnheader"
            aria-sort={down === null ? "none" : down ? "descending" : "ascending"}
          >
            <Button
              class="jj-sort"
              does={() => ui.choose({ sort: down === false ? null : { key, down: !down } })}
            >
              <span>{title}</span>
            </Button>
          </div>
        );
      })}
      <div role="columnheader">
        <span class="jj-hidden">Actions</span>
      </div>
    </div>
  );
}

const hasFocus = (inside: Element | null): boolean =>
  inside !== null && inside.contains((inside.getRootNode() as Document | ShadowRoot).activeElement);
