/** Which job stands where in the list, and which rows of a long list are drawn. Pure. */

import type { SortKey } from "./choice.ts";
import { fraction, isFailure, isLive, STATUSES } from "./format.ts";
import type { Priority, Row } from "./types.ts";

export const URGENCY: Readonly<Record<Priority, number>> = { HIGH: 0, MEDIUM: 1, LOW: 2 };

const SPAN = 2 ** 42; // milliseconds: until the year 2109

/** Where a row stands when trouble is first, the newest on top, as a number: the rows with small ones come first. */
export function rankOf(row: Row): number {
  const { status, priority, createdAt, startedAt, finishedAt } = row;
  const rank = 4 * (isFailure(status) ? 0 : isLive(status) ? STATUSES.indexOf(status) : 9);
  if (status === "QUEUED") return (rank + URGENCY[priority ?? "MEDIUM"]) * SPAN + (createdAt ?? 0);
  if (isLive(status)) return rank * SPAN + (startedAt ?? createdAt ?? 0);
  return (rank + 1) * SPAN - (finishedAt ?? createdAt ?? 0);
}

/** The list's order: total, so that equal lists are drawn equally. */
export const compareRows = (a: Row, b: Row): number =>
  rankOf(a) - rankOf(b) || compareText(a.id, b.id);

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What a sorted column puts first, as a number: states as in the header, the least progress, the shortest time. */
export const RANKS: Readonly<Record<SortKey, (row: Row) => number>> = {
  state: ({ status }) => STATUSES.indexOf(status),
  name: () => 0,
  work: (row) => (row.status === "SUCCEEDED" ? 1 : (fraction(row) ?? -1)),
  // What runs outlasts what is over, that what waits: so no job passes another merely by the clock.
  time: ({ status, createdAt, startedAt, finishedAt }) => {
    if (status === "QUEUED") return SPAN - (createdAt ?? SPAN);
    if (isLive(status)) return 3 * SPAN - (startedAt ?? SPAN);
    return SPAN + (finishedAt ?? 0) - (startedAt ?? finishedAt ?? 0);
  },
};

/** A text to sort by, in which 9 comes before 10 and capitals do not matter. */
export const natural = (text: string): string =>
  text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));

/** What the names of a batch have in common: `clean` of `clean #12`. */
export const stem = (name: string): string => name.replace(/[\s_#]+\d+$/, "") || name;

/** A list's geometry in pixels; `openIndex` is -1 when no row is open. */
export interface Geometry {
  scrollTop: number;
  height: number;
  rowHeight: number;
  count: number;
  openIndex: number;
  drawerHeight: number;
}

/** Rows `first` up to but not including `last`, where the first one starts, and how high all are together. */
export interface Slice {
  first: number;
  last: number;
  offset: number;
  total: number;
}

/** So many rows are drawn in advance, above and below what is in sight. */
export const OVERSCAN = 6;

/** Where a row starts in the whole list. */
export const rowTop = (
  index: number,
  g: Omit<Geometry, "scrollTop" | "height" | "count">,
): number => index * g.rowHeight + (g.openIndex >= 0 && index > g.openIndex ? g.drawerHeight : 0);

/** Which rows to draw: those in sight and a few more on both sides. */
export function sliceOf(g: Geometry, more = OVERSCAN): Slice {
  const total = rowTop(g.count, g);
  const first = Math.max(0, rowAt(g.scrollTop, g) - more);
  const last = Math.min(g.count, rowAt(g.scrollTop + g.height, g) + 1 + more);
  return { first: Math.min(first, last), last, offset: rowTop(Math.min(first, last), g), total };
}

/**
 * Which element each line is drawn into, by its number: a line keeps its own.
 * @param free Those that lines without one may take; the others get new ones.
 */
export function slotsOf(
  keys: readonly string[],
  before: ReadonlyMap<string, number>,
  free: number[],
): Map<string, number> {
  let last = Math.max(0, ...before.values());
  return new Map(keys.map((key) => [key, before.get(key) ?? free.shift() ?? (last += 1)]));
}

function rowAt(y: number, g: Geometry): number {
  const top = (g.openIndex + 1) * g.rowHeight;
  const above = g.openIndex >= 0 && y >= top ? Math.min(g.drawerHeight, y - top) : 0;
  return Math.floor(Math.max(0, y - above) / g.rowHeight);
}
