import { Fragment, h, memo, type ComponentChildren, type JSX } from "../dom.ts";
import { COLUMNS, type CellProps } from "../columns.tsx";
import { label, oneLine } from "../format.ts";
import type { Group } from "../outline.ts";
import type { Verb } from "../types.ts";
import { begin, can, Confirm, idsFor, WORDS } from "./asking.tsx";
import { Drawer } from "./drawer.tsx";
import { Button, Chevron, Glyph } from "./parts.tsx";
import type { View } from "./view.ts";

/** What every line of the list is drawn from. */
export interface LineProps {
  view: View;
  /** The line's key: the job's id, or the group's. */
  id: string;
  /** Its number in the grid, from 1. */
  index: number;
  /** Whether something stands below it. */
  open: boolean;
  asking: boolean;
  /** 0 for the line that Tab reaches, -1 for the others. */
  tabIndex: number;
}

const MARKS: Readonly<Record<Verb, string>> = {
  cancel: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  retry: "M12.6 9.3A4.8 4.8 0 1 1 11.6 4.8L13 6.2M13 2.9v3.3H9.7",
};

/** What can be done about a line. Drawn again only when that changes, as the next one. */
const Act = memo((props: Omit<LineProps, "index" | "open" | "asking"> & ActProps): JSX.Element => {
  const { view, id, tabIndex, verb, of, what } = props;
  return (
    <Glyph
      path={MARKS[verb]}
      tabIndex={tabIndex}
      title={WORDS[verb]}
      of={what}
      does={() => begin(view, verb, idsFor(view, of, verb), id)}
    />
  );
});

interface ActProps {
  verb: Verb;
  /** The job, or the group. */
  of: string | Group;
  /** What the question and the buttons are about. */
  what: string;
}

/** The button that opens what stands below a line. */
const Opener = memo(
  ({
    view,
    id,
    open,
    tabIndex,
    what,
  }: Pick<LineProps & ActProps, "view" | "id" | "open" | "tabIndex" | "what">) => (
    <Chevron
      open={open}
      tabIndex={tabIndex}
      title="Details"
      of={`of ${what}`}
      does={() => view.ui.toggleOpen(id)}
    />
  ),
);

/** The frame of a line: its place in the grid, its cells, what can be done, and what stands below it. */
export function Line(
  props: LineProps &
    Omit<ActProps, "verb"> & {
      kind: string;
      level: number;
      expanded: boolean;
      cells: [string, ComponentChildren][];
      verbs: Verb[];
      press(): void;
      below: ComponentChildren;
    },
): JSX.Element {
  const { view, id, of, asking, level, open, tabIndex, what, press } = props;
  const { ui } = view;
  const common = { view, id, tabIndex, what };
  return (
    <div
      class={open ? "jj-row jj-open" : "jj-row"}
      role="row"
      data-key={id}
      aria-rowindex={props.index}
      aria-level={level}
      aria-expanded={props.expanded}
      tabIndex={tabIndex}
      onFocusIn={() => ui.now.focused !== id && ui.set({ focused: id })}
    >
      <div class={`jj-line${props.kind}`} onClick={() => asking || press()}>
        {props.cells.slice(0, asking ? 2 : 4).map(([key, content]) => (
          <div key={key} class={`jj-cell jj-c-${key}`} role="gridcell">
            {content}
          </div>
        ))}
        <div class={`jj-cell ${asking ? "jj-confirm" : "jj-actions"}`} role="gridcell">
          {asking ? (
            <Confirm view={view} what={what} />
          ) : (
            <>
              {props.verbs.map((verb) => (
                <Act key={verb} {...common} verb={verb} of={of} />
              ))}
              {typeof of === "string" && <Opener {...common} open={open} />}
            </>
          )}
        </div>
      </div>
      {props.below}
    </div>
  );
}

export interface RowProps extends Omit<CellProps, "what">, LineProps {
  level: number;
  verb: Verb | null;
}

/** One job. Drawn again only when its own facts change. */
export const RowView = memo((props: RowProps): JSX.Element => {
  const { id, row, view, open, verb } = props;
  const what = oneLine(label(row));
  const again = row.attached && can(view, "again") && (
    <Button tabIndex={props.tabIndex} does={() => view.bridge.act(view.ui, "again", [row.id])}>
      Run again anyway
    </Button>
  );
  return (
    <Line
      {...props}
      kind=""
      expanded={open}
      of={row.id}
      what={what}
      cells={COLUMNS.map(({ key, Cell }) => {
        const cell = <Cell {...props} what={what} />;
        return [key, again && key === "work" ? [cell, again] : cell];
      })}
      verbs={verb ? [verb] : []}
      press={() => view.ui.toggleOpen(id)}
      below={open && <Drawer row={row} view={view} />}
    />
  );
});
