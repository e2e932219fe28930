/** Values as a reader sees them. Pure; the time is an argument. */

import type { Row, Status } from "./types.ts";

const FAILURES: readonly Status[] = ["FAILED", "TIMED_OUT", "LOST"];
const LIVE: readonly Status[] = ["RUNNING", "CANCELLING", "QUEUED"];
/** Trouble first, then what moves, then what waits, then what is over. */
export const STATUSES: readonly Status[] = [...FAILURES, ...LIVE, "SUCCEEDED", "CANCELLED"];

/** Whether the job can still change. */
export const isLive = (status: Status): boolean => LIVE.includes(status);

/** Whether the job ended unasked and not well. */
export const isFailure = (status: Status): boolean => FAILURES.includes(status);

/** What to call a job: its name, else its request, else its id. */
export const label = (row: Pick<Row, "id" | "name" | "request">): string =>
  row.name || row.request || row.id;

const whole = new Intl.NumberFormat("en");

/** A count in at most four characters and a unit: `5.8k`, `10k`, `1.3M`. */
export function compact(value: number): string {
  let unit = 0; // by hand: lines are full of counts, and the browser's own notation takes its time
  for (; value >= 999.5 && unit < 4; unit += 1) value /= 1000;
  return `${value < 100 ? +value.toPrecision(2) : Math.round(value)}${["", "k", "M", "B", "T"][unit]}`;
}

/** A count with separators, for a header or a tooltip: `4,310`. */
export const grouped = (value: number): string => whole.format(value);

/** How far the job says it is, from 0 to 1, or null when it does not say. */
export function fraction(row: Pick<Row, "progress" | "done" | "total">): number | null {
  const told = row.progress ?? (row.total && row.done !== null ? row.done / row.total : null);
  return told === null || !Number.isFinite(told) ? null : Math.min(1, Math.max(0, told));
}

/** Whole percent, rounded down, so that 100 is only said when all is done. */
export const percent = (part: number): number => Math.floor(part * 100 + 1e-9); // 0.58 * 100 < 58

/** `5.8k/10k`, or null when the job does not count its steps. */
export function steps(row: Pick<Row, "done" | "total">): string | null {
  if (row.done === null) return null;
  return row.total === null ? compact(row.done) : `${compact(row.done)}/${compact(row.total)}`;
}

/** A span of time in at most two units: `41s`, `3m12s`, `2h05m`, `3d04h`. Below 10 s tenths, if asked. */
export function duration(ms: number, tenths = false): string {
  if (tenths && ms < 9950) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [size, unit, part, smaller] of SPANS) {
    const rest = Math.floor((seconds % size) / part);
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}${two(rest)}${smaller}`;
  }
  return `${seconds}s`;
}

const SPANS = [
  [86_400, "d", 3600, "h"],
  [3600, "h", 60, "m"],
  [60, "m", 1, "s"],
] as const;
const two = (value: number): string => String(value).padStart(2, "0");

/** How long the job has waited, run, or took, in milliseconds; null when its times do not tell. */
export function elapsed(row: Row, now: number): number | null {
  if (row.status === "QUEUED")
    return row.createdAt === null ? null : Math.max(0, now - row.createdAt);
  const from = row.startedAt;
  const to = isLive(row.status) ? now : row.finishedAt;
  return from === null || to === null ? null : Math.max(0, to - from);
}

/** A span that is not known exactly, no finer than it can be trusted: `45s`, `2m`, `1h10m`. */
export function roughly(ms: number): string {
  if (ms < 55_000) return `${Math.max(5, Math.ceil(ms / 5000) * 5)}s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 60 ? `${minutes}m` : duration(Math.floor(minutes / 10) * 600_000);
}

/** A moment on the reader's clock: `14:05:10`, with the date when it is not today's. */
export function clockTime(ms: number, now: number, seconds = true): string {
  // Swedish writes dates as ISO 8601 does.
  const [date, time = ""] = new Date(ms).toLocaleString("sv").split(" ");
  const clock = seconds ? time : time.slice(0, 5);
  return date === new Date(now).toLocaleDateString("sv") ? clock : `${date} ${clock}`;
}

// CSI sequences, OSC strings (with their terminator), and two-character escapes.
const ESCAPES =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]/g;
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** Terminal output as plain text: no escape sequences, and of overwritten lines what was last seen. */
export function plainText(text: string): string {
  return text
    .replace(ESCAPES, "")
    .replace(/\r+\n/g, "\n")
    .split("\n")
    .map(lastSeen)
    .join("\n")
    .replace(CONTROLS, "");
}

/** What is left of a line that was written over and over. */
export const lastSeen = (line: string): string =>
  line.slice(line.replace(/\r+$/, "").lastIndexOf("\r") + 1).replace(/\r/g, "");

const NOT_PLAIN = /[^ -~]|^ |  | $/;

/** The same on one line, for a row. */
export const oneLine = (text: string): string =>
  NOT_PLAIN.test(text) ? plainText(text).replace(/\s+/g, " ").trim() : text;

/** Why a text is no JSON object, in the browser's words; "" for one, and for nothing. */
export function objectTrouble(text: string): string {
  try {
    JSON.parse(text.trim() || "{}");
    return /^\s*(\{|$)/.test(text) ? "" : "This is no JSON object.";
  } catch ({ message }: any) {
    return message;
  }
}
