/** The columns of the list. A new one is an entry of `COLUMNS` and a track of the grid in `style/list.css`. */

import type { SortKey } from "./choice.ts";
import { Fragment, h, memo, type JSX } from "./dom.ts";
import * as format from "./format.ts";
import { StateIcon, STATES } from "./states.tsx";
import type { Chart, Row } from "./types.ts";
import type { ActState } from "./ui_state.ts";

export interface CellProps {
  row: Row;
  /** What to call it, in one line. */
  what: string;
  /** The kernel's clock, to the second; 0 for a job in which nothing counts. */
  now: number;
  /** Whether the row may be old: nothing is estimated from it. */
  frozen: boolean;
  /** What became of a click. */
  act: ActState | undefined;
}

export interface Column {
  key: SortKey;
  title: string;
  Cell(props: CellProps): JSX.Element;
}

export const COLUMNS: readonly Column[] = [
  { key: "state", title: "State", Cell: StateCell },
  { key: "name", title: "Name", Cell: NameCell },
  { key: "work", title: "Progress", Cell: WorkCell },
  { key: "time", title: "Time", Cell: TimeCell },
];

function StateCell({ row }: CellProps): JSX.Element {
  const part = format.fraction(row);
  const whole = part && Math.round(part * 100) / 100; // finer than can be seen
  return <StateIcon status={row.status} alone part={whole} pulse={part === null} />;
}

function NameCell({ row: { attempt, tags }, what }: CellProps): JSX.Element {
  return <Name {...{ attempt, tags, what }} />;
}

// Drawn again only when it changes, which a job's steps do not.
const Name = memo(({ attempt, tags, what }: Pick<Row, "attempt" | "tags"> & { what: string }) => {
  const told = [...((attempt ?? 1) > 1 ? [`attempt ${attempt}`] : []), ...(tags ?? [])];
  return (
    <>
      <span class="jj-name" title={what}>
        {what}
      </span>
      {told.map((tag) => (
        <span key={tag} class="jj-tag">
          {format.oneLine(tag)}
        </span>
      ))}
    </>
  );
});

const DONE = { cancel: "cancelled", retry: "retried", again: "run again" };
const DOING = { cancel: "cancelling", retry: "retrying", again: "submitting" };

/** What became of a click: on one job, or on `count` of them. */
export function actWords(act: ActState, count = 1): string {
  const { verb, phase } = act;
  const many = count > 1 ? `${format.grouped(count)} ` : "";
  if (phase === "refused") return `${many}not ${DONE[verb]}: ${act.why}`;
  const to = verb === "again" ? "run" : verb;
  return many + (phase === "sent" ? `${DOING[verb]}…` : `waiting to ${to}: kernel is busy`);
}

function WorkCell(props: CellProps): JSX.Element {
  const { row, act, now, what } = props;
  const { status, priority, metric, slow, attached, createdAt } = row;
  const { word, verb } = STATES[status];
  // A state that the verb does not fit has come since: it is the better answer.
  if (act && (act.verb === verb || act.verb === "again"))
    return <Words text={actWords(act)} tone={act.phase === "refused" ? TROUBLE : ""} />;
  const runs = status === "RUNNING";
  const part = runs ? format.fraction(row) : null;
  const counted = (runs && format.steps(row)) || "";
  const fails = format.isFailure(status);
  const isSlow = slow && now >= slow[0];
  const more = format.oneLine((fails && row.error) || row.message || "");
  const says = [
    attached && `already submitted ${format.roughly(now - (createdAt ?? now))} ago`,
    isSlow && `slow: ${slow[1]}`,
    // A bar says by itself that the job runs, an error that it failed.
    part === null && !((runs || status === "FAILED") && more) && word,
    status === "QUEUED" && priority === "HIGH" && "high priority",
    more,
    part === null && counted,
  ];
  return (
    <>
      {part !== null && (
        <Bar {...{ part, counted, what }} spoken={[counted.replace("/", " of "), timeLeft(props)]}>
          <span
            class="jj-fill"
            style={{ transform: `translateX(${(part * 100 - 100).toFixed(1)}%)` }}
          />
        </Bar>
      )}
      {metric && <Spark chart={metric} />}
      <Words
        text={says.filter(Boolean).join(" · ")}
        tone={fails ? TROUBLE : isSlow ? "jj-slow" : ""}
      />
    </>
  );
}

const TROUBLE = "jj-trouble";

export function Words({ text, tone = "" }: { text: string; tone?: string }): JSX.Element {
  return (
    <span class={`jj-words ${tone}`} title={text}>
      {text}
    </span>
  );
}

/** A number as a line, with its last value. */
export const Spark = memo(({ chart: [label, points] }: { chart: Chart }): JSX.Element => (
  <span class="jj-metric" title={label}>
    <svg class="jj-spark" viewBox="0 0 48 14" aria-hidden="true">
      <polyline points={points} />
    </svg>
    <span class="jj-label">{label}</span>
  </span>
));

/** What a running job still needs; "" where that is not known, or may be old. */
function timeLeft({ row: { status, endsAt }, now, frozen }: CellProps): string {
  const left = status === "RUNNING" && !frozen ? (endsAt ?? now) - now : 0;
  return left > 0 ? `${format.roughly(left)} left` : "";
}

/** How far something is, as a bar and in numbers. */
export function Bar(props: {
  part: number;
  counted: string;
  what: string;
  /** What is said besides the percentage; "" is left out. */
  spoken: string[];
  children: JSX.Element;
}): JSX.Element {
  const share = format.percent(props.part);
  return (
    <>
      <span
        class="jj-bar"
        role="progressbar"
        aria-label={`Progress of ${props.what}`}
        aria-valuenow={share}
        aria-valuetext={[`${share}%`, ...props.spoken].filter(Boolean).join(", ")}
      >
        {props.children}
      </span>
      <span class="jj-numbers" aria-hidden="true">
        <span class="jj-percent">{`${share}%`}</span>
        <span class="jj-steps">{props.counted}</span>
      </span>
    </>
  );
}

function TimeCell(props: CellProps): JSX.Element {
  const { status } = props.row;
  const left = timeLeft(props);
  const spent = format.elapsed(props.row, props.now);
  return (
    <>
      {left && <span class="jj-left">{left}</span>}
      {spent !== null && (
        <span class={status === "QUEUED" ? "jj-muted" : ""}>
          {format.duration(spent, !format.isLive(status))}
        </span>
      )}
    </>
  );
}
