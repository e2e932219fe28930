/** The columns of the list. A new one is an entry of `COLUMNS` and a track of the grid in `style/list.css`. */

import { Fragment, h, type JSX } from "./dom.ts";
import * as format from "./format.ts";
import { StateIcon, STATES } from "./states.tsx";
import type { Row } from "./types.ts";
import type { CancelState } from "./ui_state.ts";

export interface CellProps {
  row: Row;
  /** The kernel's clock, to the second; 0 for a job that is over. */
  now: number;
  /** Whether the row may be old: nothing is estimated from it. */
  frozen: boolean;
  /** What became of a click on Cancel. */
  cancel: CancelState | undefined;
}

export interface Column {
  key: string;
  /** What a screen reader calls the column. */
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
  return (
    <span role="img" aria-label={STATES[row.status].word}>
      <StateIcon status={row.status} part={part} pulse={part === null} />
    </span>
  );
}

function NameCell({ row }: CellProps): JSX.Element {
  const name = format.oneLine(format.label(row));
  return (
    <span class="jj-name" title={name}>
      {name}
    </span>
  );
}

function WorkCell(props: CellProps): JSX.Element {
  const { row, cancel } = props;
  if (cancel?.phase === "refused")
    return <Words text={`Not cancelled: ${cancel.why}`} tone="trouble" />;
  if (cancel && format.isLive(row.status) && row.status !== "CANCELLING") {
    const waiting = cancel.phase === "waiting";
    return <Words text={waiting ? "cancelling… waiting for the kernel" : "cancelling…"} />;
  }
  const message = row.message ? format.oneLine(row.message) : "";
  if (row.status === "RUNNING") return <Progress {...props} message={message} />;
  const word = STATES[row.status].word;
  if (format.isFailure(row.status)) {
    const error = format.oneLine(row.error ?? "") || message;
    const text = row.status === "FAILED" ? error || word : join(word, error);
    return <Words text={text} tone="trouble" />;
  }
  if (row.status === "CANCELLING") return <Words text={join("cancelling…", message)} />;
  if (row.status === "QUEUED" && row.priority === "HIGH") {
    return <Words text={join(word, "high priority", message)} />;
  }
  return <Words text={join(word, message)} />;
}

const join = (...parts: string[]): string => parts.filter(Boolean).join(" · ");

function Words(props: { text: string; tone?: "trouble" }): JSX.Element {
  return (
    <span class={props.tone ? `jj-words jj-${props.tone}` : "jj-words"} title={props.text}>
      {props.text}
    </span>
  );
}

function Progress(props: CellProps & { message: string }): JSX.Element {
  const { row, now, frozen, message } = props;
  const part = format.fraction(row);
  const counted = format.steps(row);
  if (part === null) return <Words text={join(message || "running", counted ?? "")} />;
  const share = `${format.percent(part)}%`;
  const left = frozen ? null : format.remaining(row, now);
  const spoken = [
    share,
    counted && counted.replace("/", " of "),
    left && `${format.roughly(left)} left`,
  ];
  return (
    <>
      <span
        class="jj-bar"
        role="progressbar"
        aria-label={`Progress of ${format.label(row)}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={format.percent(part)}
        aria-valuetext={spoken.filter(Boolean).join(", ").replace("~", "about ")}
      >
        <span
          class="jj-bar-fill"
          style={{ transform: `translateX(${(part * 100 - 100).toFixed(2)}%)` }}
        />
      </span>
      <span class="jj-numbers" aria-hidden="true">
        <span class="jj-percent">{share}</span>
        <span class="jj-steps">{counted}</span>
      </span>
      <span class="jj-words" title={message}>
        {message}
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
        <span class={row.status === "QUEUED" ? "jj-spent jj-wait" : "jj-spent"}>
          {format.duration(spent, !format.isLive(row.status))}
        </span>
      )}
    </>
  );
}
