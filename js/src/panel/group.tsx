import { Fragment, h, memo, type ComponentChildren, type JSX } from "../dom.ts";
import { Bar, Words } from "../columns.tsx";
import { clockTime, compact, grouped, isLive, oneLine, roughly, STATUSES } from "../format.ts";
import type { Group } from "../outline.ts";
import { StateIcon, STATES } from "../states.tsx";
import type { Verb } from "../types.ts";
import type { ActState } from "../ui_state.ts";
import { actsTold, begin, can, verbLabel } from "./asking.tsx";
import { FailureCard } from "./failure.tsx";
import { Button } from "./parts.tsx";
import { Line, type LineProps } from "./row.tsx";
import { Strip } from "./strip.tsx";
import type { View } from "./view.ts";

/** Unfold a group or fold it; one of failures shows its card as well. */
export function toggleGroup({ ui }: View, { key, kind, fold }: Group): void {
  const unfolded = new Set(ui.now.choice.unfolded);
  if (!unfolded.delete(key)) unfolded.add(key);
  ui.choose({ unfolded });
  if (fold ? kind === "failure" : ui.now.open === key) ui.set({ open: fold ? key : null });
}

export const verbsOf = (view: View, { counts }: Group): Verb[] =>
  (["cancel", "retry"] as const).filter(
    (verb) =>
      STATUSES.some((status) => counts[status] && STATES[status].verb === verb) && can(view, verb),
  );

/** Of a batch that has gone less far nothing is foretold. */
const LEAST = 0.02;

interface GroupProps extends LineProps {
  group: Group;
  acts: ReadonlyMap<string, ActState>;
  /** The kernel's clock; 0 while the jobs may be old. */
  now: number;
}

/** Jobs of one name, one tag, one batch or one failure in a line. */
export const GroupView = memo((props: GroupProps): JSX.Element => {
  const { group, view, open } = props;
  const { counts, total, finished, progress } = group;
  const title = oneLine(group.title);
  // The state that says most: what moves or waits, then how it ended.
  const there = STATUSES.filter((status) => counts[status]);
  const status = there.find(isLive) ?? there[0] ?? "QUEUED";
  const told = actsTold(props.acts, group.ids);
  const words = told && <Words text={told} />;
  const isFailure = group.kind === "failure";
  // A batch goes on as it went so far; groups by name have jobs of other days.
  const spent = props.now - group.began;
  const left =
    group.kind === "batch" && progress && progress > LEAST ? spent / progress - spent : 0;
  const finishedAt = isFailure && group.example.finishedAt;
  const cells: [string, ComponentChildren][] = isFailure
    ? [
        [
          "wide",
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
          </>,
        ],
        [
          "time",
          finishedAt && <span class="jj-left">{clockTime(finishedAt, view.bridge.now())}</span>,
        ],
      ]
    : [
        ["name", <span class="jj-name">{title}</span>],
        [
          "work",
          <>
            <Bar
              part={progress ?? 1}
              counted={`${compact(finished)}/${compact(total)}`}
              what={title}
              spoken={[`${finished} of ${total} finished`]}
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
          </>,
        ],
        ["time", left > 0 && <span class="jj-left">{roughly(left)} left</span>],
      ];
  return (
    <Line
      {...props}
      kind={isFailure ? " jj-group jj-failure" : " jj-group"}
      level={1}
      expanded={!group.fold}
      of={group}
      what={title}
      cells={[["state", <StateIcon status={status} alone part={progress} />], ...cells]}
      verbs={isFailure ? [] : verbsOf(view, group)}
      press={() => toggleGroup(view, group)}
      below={isFailure && open && <FailureCard group={group} view={view} />}
    />
  );
});
