/** The columns of the list. A new one is an entry of `COLUMNS` and a track of the grid in `style/list.css`. */

import type { SortKey } from "./choice.ts";
import { Fragment, h, type JSX } from "./dom.ts";
import * as format from "./format.ts";
import { StateIcon, STATES } from "./states.tsx";
import type { Row } from "./types.ts";
import type { ActState } from "./ui_state.ts";

export interface CellProps {
  row: Row;
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
  return <StateIcon status={row.status} alone part={part} pulse={part === null} />;
}

function NameCell({ row }: CellProps): JSX.Element {
  const name = format.oneLine(format.label(row));
  const { attempt, tags } = row;
  return (
    <>
      <span class="jj-name" title={name}>
        {name}
      </span>
      {attempt !== null && attempt > 1 && <span class="jj-tag">{nth(attempt)} attempt</span>}
      {tags?.map((tag) => (
        <span key={tag} class="jj-tag">
          {format.oneLine(tag)}
        </span>
      ))}
    </>
  );
}

const nth = (n: number): string =>
  `${n}${(n % 100 > 10 && n % 100 < 14) || n % 10 > 3 ? "th" : ["th", "st", "nd", "rd"][n % 10]}`;

const DONE = { cancel: "cancelled", retry: "retried" };
const DOING = { cancel: "cancelling", retry: "retrying" };

/** What became of a click: on one job, or on `count` of them. */
export function actWords(act: ActState, count = 1): string {
  const many = count > 1 ? `${format.grouped(count)} ` : "";
  if (act.phase === "refused")
    return `${many ? `${many}not` : "Not"} ${DONE[act.verb]}: ${act.why}`;
  if (act.phase === "sent") return `${DOING[act.verb]} ${many}`.trimEnd() + "…";
  return `kernel is busy, ${act.verb} ${many && `of ${many}`}is waiting`;
}

function WorkCell(props: CellProps): JSX.Element {
  const { row, act } = props;
  const { word, verb } = STATES[row.status];
  // A state that the verb does not fit has come since: it is the better answer.
  if (act && act.verb === verb)
    return <Words text={actWords(act)} trouble={act.phase === "refused"} />;
  const message = format.oneLine(row.message ?? "");
  if (row.status === "RUNNING") return <Progress {...props} message={message} />;
  if (format.isFailure(row.status)) {
    const error = format.oneLine(row.error ?? "") || message;
    return <Words text={row.status === "FAILED" ? error || word : join(word, error)} trouble />;
  }
  if (row.status === "CANCELLING") return <Words text={join("cancelling…", message)} />;
  const urgent = row.status === "QUEUED" && row.priority === "HIGH";
  return <Words text={join(word, urgent ? "high priority" : "", message)} />;
}

const join = (...parts: string[]): string => parts.filter(Boolean).join(" · ");

export function Words({ text, trouble }: { text: string; trouble?: boolean }): JSX.Element {
  return (
    <span class={trouble ? "jj-words jj-trouble" : "jj-words"} title={text}>
      {text}
    </span>
  );
}

function Progress(props: CellProps & { message: string }): JSX.Element {
  const { row, now, frozen, message } = props;
  const part = format.fraction(row);
  const counted = format.steps(row) ?? "";
  if (part === null) return <Words text={join(message || "running", counted)} />;
  const left = frozen ? null : format.remaining(row, now);
  const spoken = [
    `${format.percent(part)}%`,
    counted.replace("/", " of "),
    left && `${format.roughly(left)} left`,
  ];
  return (
    <>
      <Bar
        {...{ part, counted }}
        what={format.label(row)}
        spoken={spoken.filter(Boolean).join(", ").replace("~", "about ")}
      >
        <span
          class="jj-fill"
          style={{ transform: `translateX(${(part * 100 - 100).toFixed(2)}%)` }}
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
  spoken: string;
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
        aria-valuetext={props.spoken}
      >
        {props.children}
      </span>
      <span class="jj-numbers" aria-hidden="true">
        <span class="jj-percent">{share}%</span>
        <span class="jj-steps">{props.counted}</span>
      </span>
    </>
  );
}

function TimeCell({ row, now, frozen }: CellProps): JSX.Element {
  const spent = format.elapsed(row, now);
  const left = frozen ? null : format.remaining(row, now);
  return (
    <>
      {left !== null && <span class="jj-left">{format.roughly(left)} left</span>}
      {spent !== null && (
        <span class={row.status === "QUEUED" ? "jj-muted" : ""}>
          {format.duration(spent, !format.isLive(row.status))}
        </span>
      )}
    </>
  );
}
