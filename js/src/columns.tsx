/** The columns of the list. A new one is an entry of `COLUMNS` and a track of the grid in `style/list.css`. */

import type { SortKey } from "./choice.ts";
import { Fragment, h, memo, type JSX } from "./dom.ts";
import * as format from "./format.ts";
import { StateIcon, STATES } from "./states.tsx";
import type { Row } from "./types.ts";
import type { ActState } from "./ui_state.ts";

export interface CellProps {
  row: Row;
  /** What to call it, in one line. */
  what: string;
  /** The kernel's clock, to the second; 0 for a job that is over. */
  now: number;
  /** Whether the row may be old: nothing is estimated from it. */
  frozen: boolean;
  /** What became of a click on Cancel or Retry. */
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

const DONE = { cancel: "cancelled", retry: "retried" };
const DOING = { cancel: "cancelling", retry: "retrying" };

/** What became of a click: on one job, or on `count` of them. */
export function actWords(act: ActState, count = 1): string {
  const { verb, phase } = act;
  const many = count > 1 ? `${format.grouped(count)} ` : "";
  if (phase === "refused") return `${many}not ${DONE[verb]}: ${act.why}`;
  return many + (phase === "sent" ? `${DOING[verb]}…` : `waiting to ${verb}: kernel is busy`);
}

function WorkCell(props: CellProps): JSX.Element {
  const { row, act } = props;
  const { status, priority } = row;
  const { word, verb } = STATES[status];
  // A state that the verb does not fit has come since: it is the better answer.
  if (act && act.verb === verb)
    return <Words text={actWords(act)} trouble={act.phase === "refused"} />;
  const message = format.oneLine(row.message ?? "");
  if (status === "RUNNING") return <Progress {...props} message={message} />;
  const fails = format.isFailure(status);
  const more = (fails && format.oneLine(row.error ?? "")) || message;
  const urgent = status === "QUEUED" && priority === "HIGH" ? "high priority" : "";
  // An error says by itself that the job failed.
  return (
    <Words text={join(status === "FAILED" && more ? "" : word, urgent, more)} trouble={fails} />
  );
}

const join = (...parts: string[]): string => parts.filter(Boolean).join(" · ");

export function Words({ text, trouble }: { text: string; trouble?: boolean }): JSX.Element {
  return (
    <span class={trouble ? "jj-words jj-trouble" : "jj-words"} title={text}>
      {text}
    </span>
  );
}

/** What a running job may still need; "" where that would be a guess. */
function timeLeft({ row, now, frozen }: CellProps): string {
  const left = frozen ? null : format.remaining(row, now);
  return left === null ? "" : `${format.roughly(left)} left`;
}

function Progress(props: CellProps & { message: string }): JSX.Element {
  const { row, message } = props;
  const part = format.fraction(row);
  const counted = format.steps(row) ?? "";
  if (part === null) return <Words text={join(message || "running", counted)} />;
  const spoken = [counted.replace("/", " of "), timeLeft(props).replace("~", "about ")];
  return (
    <>
      <Bar {...{ part, counted, spoken }} what={props.what}>
        <span
          class="jj-fill"
          style={{ transform: `translateX(${(part * 100 - 100).toFixed(1)}%)` }}
        />
      </Bar>
      <Words text={message} />
    </>
  );
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
