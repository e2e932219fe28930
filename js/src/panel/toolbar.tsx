import { Fragment, h, memo, type JSX } from "../dom.ts";
import type { Choice } from "../choice.ts";
import { Words } from "../columns.tsx";
import { grouped } from "../format.ts";
import { actsTold, begin, Confirm, verbFor, verbLabel } from "./asking.tsx";
import { Button } from "./parts.tsx";
import type { PartProps, View } from "./view.ts";

type Grouping = NonNullable<Choice["groupBy"]>;

/** The ways to put jobs together. */
const GROUPINGS: readonly (readonly [Grouping, string])[] = [
  ["none", "No groups"],
  ["batch", "By batch"],
  ["name", "By name"],
  ["tag", "By tag"],
];

/** Take back all filters. */
export const showAll = ({ ui }: View): void => ui.choose({ statuses: new Set(), query: "" });

/** Finding jobs among many: what is shown, how it is put together, and what may be done with all of it. */
export const Toolbar = memo((props: PartProps): JSX.Element => {
  const { view, outline } = props;
  const { ui, bridge } = view;
  const { choice, asking } = ui.now;
  const filtered = choice.statuses.size > 0 || choice.query !== "";
  const total = grouped(bridge.store.total);
  return (
    <div class="jj-toolbar" role="group" aria-label="Find jobs">
      {asking && asking.key === null ? (
        <Confirm view={view} />
      ) : (
        <>
          <input
            type="search"
            class="jj-search"
            aria-label="Search jobs"
            placeholder="Search  /"
            spellcheck={"false" as never}
            value={choice.query}
            onInput={(event) => ui.choose({ query: event.currentTarget.value })}
          />
          <select
            aria-label="Group jobs"
            value={outline.groupedBy}
            onChange={(event) => ui.choose({ groupBy: event.currentTarget.value as Grouping })}
          >
            {GROUPINGS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <span class="jj-shown">
            {filtered ? `${grouped(outline.shown)} of ${total}` : `${total} jobs`}
          </span>
          {filtered && (
            <Button class="jj-button jj-quiet" does={() => showAll(view)}>
              Show all
            </Button>
          )}
          <Bulk {...props} />
        </>
      )}
    </div>
  );
});

/** The verb that fits all that the filter leaves. */
function Bulk({ view, outline }: PartProps): JSX.Element | null {
  const { acts, choice } = view.ui.now;
  const verb = verbFor(view, choice.statuses);
  if (!verb || !outline.shown) return null;
  const told = actsTold(acts, outline.ids);
  return (
    <>
      <Words text={told} />
      <Button does={() => begin(view, verb, outline.ids(), null)}>
        {verbLabel(verb, outline.shown)}
      </Button>
    </>
  );
}
