/** Which job stands where in the list, and which rows of a long list are drawn. Pure. */

import type { Priority, Row, Status } from "./types.ts";

// Newest trouble on top, then what moves, then what waits, then what is over.
const RANK: Readonly<Record<Status, number>> = {
  FAILED: 0,
  TIMED_OUT: 0,
  LOST: 0,
  RUNNING: 1,
  CANCELLING: 2,
  QUEUED: 3,
  SUCCEEDED: 4,
  CANCELLED: 4,
};
const URGENCY: Readonly<Record<Priority, number>> = { HIGH: 0, MEDIUM: 1, LOW: 2 };

/** The fields whose change can move a row. */
export const ORDER_KEYS = ["status", "priority", "createdAt", "startedAt", "finishedAt"] as const;

/** The list's order: total, so that equal lists are drawn equally. */
export function compareRows(a: Row, b: Row): number {
  const rank = RANK[a.status];
  return rank - RANK[b.status] || within(rank, a, b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function within(rank: number, a: Row, b: Row): number {
  switch (rank) {
    case RANK.RUNNING:
    case RANK.CANCELLING:
      return oldestFirst(a.startedAt ?? a.createdAt, b.startedAt ?? b.createdAt);
    case RANK.QUEUED:
      return (
        URGENCY[a.priority ?? "MEDIUM"] - URGENCY[b.priority ?? "MEDIUM"] ||
        oldestFirst(a.createdAt, b.createdAt)
      );
    default:
      return -oldestFirst(a.finishedAt ?? a.createdAt, b.finishedAt ?? b.createdAt);
  }
}

const oldestFirst = (a: number | null, b: number | null): number => (a ?? 0) - (b ?? 0);

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

const OVERSCAN = 6;

/** Where a row starts in the whole list. */
export const rowTop = (
  index: number,
  g: Omit<Geometry, "scrollTop" | "height" | "count">,
): number => index * g.rowHeight + (g.openIndex >= 0 && index > g.openIndex ? g.drawerHeight : 0);

/** Which rows to draw: those in sight and a few more on both sides. */
export function sliceOf(g: Geometry): Slice {
  const total = rowTop(g.count, g);
  const first = Math.max(0, rowAt(g.scrollTop, g) - OVERSCAN);
  const last = Math.min(g.count, rowAt(g.scrollTop + g.height, g) + 1 + OVERSCAN);
  return { first: Math.min(first, last), last, offset: rowTop(Math.min(first, last), g), total };
}

function rowAt(y: number, g: Geometry): number {
  const top = (g.openIndex + 1) * g.rowHeight;
  const above = g.openIndex >= 0 && y >= top ? Math.min(g.drawerHeight, y - top) : 0;
  return Math.floor(Math.max(0, y - above) / g.rowHeight);
}
