import { h, memo, type JSX } from "../dom.ts";
import { COLUMNS, type CellProps } from "../columns.tsx";
import { label } from "../format.ts";
import { Confirm } from "./cancel.tsx";
import { Drawer } from "./drawer.tsx";
import type { View } from "./view.ts";

interface RowProps extends CellProps {
  view: View;
  index: number;
  open: boolean;
  asking: boolean;
  cancellable: boolean;
  /** Whether Tab reaches this row; only one does. */
  reachable: boolean;
}

/** One job: a line of columns, and its details below when it is open. Drawn again only when its own facts change. */
export const RowView = memo((props: RowProps): JSX.Element => {
  const { row, view, index, open, asking, cancellable, reachable } = props;
  const { ui } = view;
  return (
    <div
      class={open ? "jj-row jj-open" : "jj-row"}
      role="row"
      data-id={row.id}
      aria-rowindex={index + 1}
      aria-expanded={open}
      tabIndex={reachable ? 0 : -1}
      onFocusIn={() => ui.now.focused !== row.id && ui.set({ focused: row.id })}
    >
      <div
        class={asking ? "jj-line jj-asking" : "jj-line"}
        onClick={() => !asking && ui.toggleOpen(row.id)}
      >
        {COLUMNS.slice(0, asking ? 2 : undefined).map(({ key, Cell }) => (
          <div key={key} class={`jj-cell jj-c-${key}`} role="gridcell">
            <Cell {...props} />
          </div>
        ))}
        {asking ? (
          <Confirm row={row} view={view} />
        ) : (
          <div class="jj-cell jj-c-actions" role="gridcell">
            {cancellable && (
              <button
                type="button"
                class="jj-glyph-button jj-cross"
                tabIndex={-1}
                title="Cancel (X)"
                aria-label={`Cancel ${label(row)}`}
                onClick={(event) => {
                  event.stopPropagation();
                  ui.set({ asking: row.id });
                }}
              >
                ×
              </button>
            )}
            <button
              type="button"
              class="jj-glyph-button jj-chevron"
              tabIndex={-1}
              title={open ? "Close (Esc)" : "Details (Enter)"}
              aria-label={`Details of ${label(row)}`}
              aria-expanded={open}
            />
          </div>
        )}
      </div>
      {open && <Drawer row={row} view={view} />}
    </div>
  );
});
