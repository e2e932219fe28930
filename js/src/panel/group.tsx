import { Fragment, h, memo, type JSX } from "../dom.ts";
import { Bar, Words } from "../columns.tsx";
import { clockTime, compact, grouped, isLive, oneLine, percent } from "../format.ts";
import type { Group } from "../outline.ts";
import { StateIcon, STATES, STATUSES } from "../states.tsx";
import type { Verb } from "../types.ts";
import type { ActState } from "../ui_state.ts";
import { actsTold, begin, Button, can, verbLabel } from "./asking.tsx";
import { FailureCard } from "./failure.tsx";
import { Line, type LineProps } from "./row.tsx";
import { Strip } from "./strip.tsx";
import type { View } from "./view.ts";

/** Unfold a group or fold it; one of failures shows its card as well. */
export function toggleGroup({ ui }: View, { key, kind }: Group): void {
  const unfolded = new Set(ui.now.choice.unfolded);
  const folds = unfolded.delete(key);
  if (!folds) unfolded.add(key);
  ui.choose({ unfolded });
  if (folds ? ui.now.open === key : kind === "failure") ui.set({ open: folds ? null : key });
}

/** The jobs of a group that the verb is for. */
export const idsFor = ({ bridge: { store } }: View, group: Group, verb: Verb): string[] =>
  group.ids().filter((id) => STATES[store.get(id)?.status ?? "CANCELLING"].verb === verb);

export const verbsOf = (view: View, { counts }: Group): Verb[] =>
  (["cancel", "retry"] as const).filter(
    (verb) =>
      STATUSES.some((status) => counts[status] && STATES[status].verb === verb) && can(view, verb),
  );

/** Jobs of one name, one tag or one failure in a line. */
export const GroupView = memo(
  (
    props: LineProps & { group: Group; fold: boolean; acts: ReadonlyMap<string, ActState> },
  ): JSX.Element => {
    const { group, view, open } = props;
    const { counts, total, finished, progress } = group;
    const title = oneLine(group.title);
    // The state that says most: what moves or waits, then how it ended.
    const there = STATUSES.filter((status) => counts[status]);
    const status = there.find(isLive) ?? there[0] ?? "QUEUED";
    const told = actsTold(props.acts, () => group.ids());
    const words = told && <Words text={told} />;
    const state = <StateIcon status={status} alone part={progress} />;
    const common = {
      ...props,
      level: 1,
      expanded: !props.fold,
      what: title,
      idsFor: (verb: Verb) => idsFor(view, group, verb),
      press: () => toggleGroup(view, group),
    };
    if (group.kind === "failure") {
      const { finishedAt } = group.example;
      const name = (
        <>
          <span class="jj-name" title={title}>
            <b>{grouped(total)}</b> × {title}
          </span>
          {words ||
            (can(view, "retry") && (
              <Button
                tabIndex={props.tabIndex}
                does={() => begin(view, "retry", group.ids(), null)}
              >
                {verbLabel("retry", total)}
              </Button>
            ))}
        </>
      );
      const time = finishedAt && (
        <span class="jj-left">{clockTime(finishedAt, view.bridge.now())}</span>
      );
      return (
        <Line
          {...common}
          kind=" jj-group jj-failure"
          cells={[
            ["state", state],
            ["wide", name],
            ["time", time],
          ]}
          verbs={[]}
          below={open && <FailureCard group={group} view={view} />}
        />
      );
    }
    const part = progress ?? 1;
    const work = (
      <>
        <Bar
          part={part}
          counted={`${compact(finished)}/${compact(total)}`}
          what={title}
          spoken={`${percent(part)}%, ${finished} of ${total} finished`}
        >
          <Strip counts={counts} />
        </Bar>
        {words ||
          there.map(
            (status) =>
              status !== "SUCCEEDED" && (
                <span key={status} class="jj-count" title={STATES[status].word}>
                  <StateIcon status={status} alone />
                  {compact(counts[status] ?? 0)}
                </span>
              ),
          )}
      </>
    );
    return (
      <Line
        {...common}
        kind=" jj-group"
        cells={[
          ["state", state],
          ["name", <span class="jj-name">{title}</span>],
          ["work", work],
          ["time", null],
        ]}
        verbs={verbsOf(view, group)}
        below={null}
      />
    );
  },
);
