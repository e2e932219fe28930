/** Sorted runs of jobs, with what is to be told of them: what an outline is made of. */

import { fraction, isLive } from "./format.ts";
import type { Counts, Row, Status } from "./types.ts";

export interface Group {
  key: string;
  kind: "name" | "tag" | "failure" | "batch";
  title: string;
  total: number;
  counts: Readonly<Counts>;
  /** Whether its jobs are hidden. */
  fold: boolean;
  /** All jobs in it that match. */
  ids(): string[];
  /** Its newest job. */
  readonly example: Row;
  /** The mean over its jobs, those that ended count as whole; null when none can still change. */
  progress: number | null;
  finished: number;
  /** When the first of its jobs started; infinite when none has. */
  readonly began: number;
}

export interface Item {
  row: Row;
  /** What it is sorted by: `rank`, then `text`, then `tie`, then the id. */
  rank: number;
  text: string;
  tie: number;
  /** Those it is in, none while it does not match; its lines in any but the first need a key of their own. */
  buckets: readonly Bucket[];
  moved: boolean;
}

export interface Bucket {
  key: string;
  kind: Group["kind"] | "all";
  title: string;
  /** The bucket alone, for those that are in no other. */
  alone: readonly Bucket[];
  items: Item[];
  incoming: Item[];
  counts: Counts;
  /** The sum of the jobs' parts. */
  done: number;
  group: Group | null;
  header: 0 | 1;
  /** Whether its jobs are hidden. */
  fold: boolean;
  /** How many items, from the front, stand elsewhere. */
  skip: number;
  /** The first line, and how many there are. */
  start: number;
  lines: number;
}

export type Compare = (a: Item, b: Item) => number;

export const NONE: readonly Bucket[] = [];
export const isIn = (item: Item): boolean => item.buckets !== NONE;
export const idOf = ({ row }: Item): string => row.id;
export const partOf = (row: Row): number => (isLive(row.status) ? (fraction(row) ?? 0) : 1);

export const sumOf = (counts: Counts, which: (status: Status) => boolean): number =>
  Object.entries(counts).reduce((sum, [status, n]) => sum + (which(status as Status) ? n : 0), 0);

const newest = (items: readonly Item[]): Item =>
  items.reduce((a, b) => ((b.row.createdAt ?? 0) > (a.row.createdAt ?? 0) ? b : a));

/** How many of `high` things, in order, are below what is looked for. */
export function below(high: number, isBelow: (index: number) => boolean): number {
  let low = 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBelow(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const placeOf = (
  items: readonly Item[],
  item: Item,
  compare: Compare,
  high = items.length,
): number => below(high, (index) => compare(items[index] as Item, item) < 0);

/** A bucket without items. */
export function bucketOf(kind: Bucket["kind"], title: string, key: string): Bucket {
  const alone: Bucket[] = [];
  const bucket: Bucket = {
    ...{ key, kind, title, alone, items: [], incoming: [], counts: {}, done: 0, group: null },
    ...{ header: 0, fold: false, skip: 0, start: 0, lines: 0 },
  };
  alone.push(bucket);
  return bucket;
}

/** Take out what moved and merge in what comes, in place. */
export function merge({ items, incoming }: Bucket, compare: Compare): void {
  let kept = 0;
  for (const item of items) if (!item.moved) items[kept++] = item;
  incoming.sort(compare);
  let to = (items.length = kept + incoming.length);
  for (let item = incoming.pop(); item; item = incoming.pop()) {
    const at = placeOf(items, item, compare, kept);
    while (kept > at) items[(to -= 1)] = items[(kept -= 1)] as Item;
    items[(to -= 1)] = item;
  }
}

/** What the header tells. */
export function groupOf(bucket: Bucket): Group {
  const { key, kind, title, items, counts, done, fold } = bucket;
  const total = items.length;
  const live = sumOf(counts, isLive);
  return {
    key,
    kind: kind as Group["kind"],
    title,
    total,
    counts: Object.fromEntries(Object.entries(counts).filter(([, n]) => n)),
    fold,
    ids: () => items.map(idOf),
    get example() {
      return newest(items).row;
    },
    progress: live ? done / total : null,
    finished: total - live,
    get began() {
      return items.reduce((first, { row }) => Math.min(first, row.startedAt ?? first), Infinity);
    },
  };
}
