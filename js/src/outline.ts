/**
 * The lines of the list of one view: which jobs match, how they are grouped, and in which order all stands.
 *
 * An item is a job of this view. A bucket is a sorted run of items: the jobs of one failure, of one name, of one tag,
 * or simply all. Each bucket is a block of lines: a header that may unfold, or its jobs alone. What the store tells is
 * noted, and taken in by `update`: an item whose place stays costs a few sums; the others are taken out of their
 * buckets and merged in again, all of one bucket in one go. So a patch never costs a sort of all that is there.
 *
 * While trouble is first, jobs that failed stand above the groups and not again inside them, though a group's facts
 * and `ids` are those of all its jobs.
 */

import { ALL, matcher, type Choice } from "./choice.ts";
import { fraction, isFailure, isLive, label } from "./format.ts";
import { compareText, natural, RANKS, rankOf, stem } from "./order.ts";
import type { JobStore } from "./store.ts";
import type { Counts, Row, Status } from "./types.ts";

/** Above so many jobs the automatic choice is to group them by name. */
export const MANY = 200;

export interface Group {
  key: string;
  kind: "name" | "tag" | "failure";
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
}

/**
 * A line of the list. `key` is unique and stays: a group's key, or a job's id; where a job stands in further groups,
 * `id@group`. The object is a new one each time, `row` and `group` are new only when they changed.
 */
export type Line =
  | { kind: "job"; key: string; id: string; row: Row; depth: 0 | 1 }
  | { kind: "group" | "failure"; key: string; title: string; group: Group };

interface Item {
  row: Row;
  /** What it is sorted by: `rank`, then `text`, then `tie`, then the id. */
  rank: number;
  text: string;
  tie: number;
  /** Those it is in, none while it does not match; its lines in any but the first need a key of their own. */
  buckets: readonly Bucket[];
  moved: boolean;
}

interface Bucket {
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
  /** How many items, from the front, stand elsewhere. */
  skip: number;
  /** The first line, and how many there are. */
  start: number;
  lines: number;
}

type Mode = NonNullable<Choice["groupBy"]>;

const sumOf = (counts: Counts, which: (status: Status) => boolean): number =>
  Object.entries(counts).reduce((sum, [status, n]) => sum + (which(status as Status) ? n : 0), 0);

const partOf = (row: Row): number => (isLive(row.status) ? (fraction(row) ?? 0) : 1);

const PLACE = ["status", "failure", "name", "request", "tags"] as const;

const NONE: readonly Bucket[] = [];

export class Outline {
  readonly #store: JobStore;
  #choice = ALL;
  #matches = matcher(ALL);
  #mode: Mode = "none";
  #dirty: Set<string> | null = null;
  #rebuilds = true;
  #resorts = true;
  #refolds = false;
  #items = new Map<string, Item>();
  /** All of them, sorted as they were at the last rebuilding. */
  #sorted: Item[] = [];
  #shown = 0;
  readonly #buckets = new Map<string, Bucket>();
  readonly #touched = new Set<Bucket>();
  #moved: Item[] = [];
  #blocks: Bucket[] = [];
  #count = 0;
  /** Stop taking in what the store tells. */
  readonly close: () => void;

  constructor(store: JobStore) {
    this.#store = store;
    this.close = store.watch((ids) => {
      if (!ids) this.#dirty = null;
      if (this.#dirty) for (const id of ids ?? []) this.#dirty.add(id);
    });
  }

  /** How many lines there are. */
  get count(): number {
    return this.#count;
  }

  /** How many jobs match. */
  get shown(): number {
    return this.#shown;
  }

  /** The jobs that match. */
  ids(): string[] {
    return [...this.#items.values()].filter(isIn).map(idOf);
  }

  /** Show what a reader chose; `update` brings it. */
  set(choice: Choice): void {
    const { statuses, query, sort, groupBy, unfolded } = this.#choice;
    if (unfolded !== choice.unfolded) this.#refolds = true;
    if (sort !== choice.sort) this.#resorts = true;
    if (statuses !== choice.statuses || query !== choice.query || groupBy !== choice.groupBy)
      this.#rebuilds = true;
    this.#choice = choice;
  }

  /** Take in what changed since the last time; whether anything did. */
  update(): boolean {
    const dirty = this.#dirty;
    const rebuilds = this.#rebuilds || this.#resorts || !dirty;
    if (!rebuilds && !this.#refolds && !dirty.size) return false;
    if (!dirty) {
      this.#items.clear();
      this.#sorted = [];
      for (const row of this.#store.rows()) this.#know(row);
      this.#resorts = true;
    }
    this.#dirty = new Set();
    for (const id of dirty ?? []) this.#take(id);
    this.#settle();
    if (rebuilds || this.#mode !== this.#wanted()) this.#rebuild();
    return true;
  }

  /** How the jobs are grouped, also when the choice is automatic. */
  get groupedBy(): Mode {
    return this.#mode;
  }

  /** A line, by its place from 0 up to but not including `count`. */
  lineAt(index: number): Line {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle] as Bucket).start <= index) low = middle + 1;
      else high = middle;
    }
    const bucket = this.#blocks[low - 1] as Bucket;
    const { header, kind, key, title } = bucket;
    const at = index - bucket.start - header;
    if (at < 0) {
      const group = this.#groupOf(bucket);
      return { kind: kind === "failure" ? kind : "group", key, title, group };
    }
    const { row, buckets } = bucket.items[at + bucket.skip] as Item;
    const { id } = row;
    return {
      kind: "job",
      key: buckets[0] === bucket ? id : `${id}@${key}`,
      id,
      row,
      depth: header,
    };
  }

  /** The lines from `first` up to but not including `last`. */
  slice(first: number, last: number): Line[] {
    const lines: Line[] = [];
    for (let index = Math.max(0, first); index < Math.min(last, this.#count); index += 1)
      lines.push(this.lineAt(index));
    return lines;
  }

  /** Where the line of this key stands, or -1: it is not there, or folded away. */
  indexOf(key: string): number {
    let item = this.#items.get(key);
    let bucket = item?.buckets[0];
    if (!item) {
      bucket = this.#blocks.find((block) => key.endsWith(block.key));
      if (!bucket) return -1;
      if (bucket.key === key) return bucket.header ? bucket.start : -1;
      item = this.#items.get(key.slice(0, -bucket.key.length - 1));
    }
    if (!item || !bucket?.lines) return -1;
    const at = position(bucket.items, item, this.#compare) - bucket.skip + bucket.header;
    const isThere = bucket.items[at + bucket.skip - bucket.header] === item;
    return isThere && at >= bucket.header && at < bucket.lines ? bucket.start + at : -1;
  }

  #wanted(): Mode {
    const { groupBy, sort } = this.#choice;
    return groupBy ?? (this.#shown > MANY && !sort ? "name" : "none");
  }

  #rebuild(): void {
    this.#buckets.clear();
    this.#matches = matcher(this.#choice);
    this.#sorted = this.#sorted.filter((item) => this.#items.get(item.row.id) === item);
    if (this.#resorts) for (const item of this.#sorted) this.#rank(item);
    this.#sorted.sort(this.#compare);
    const shown = this.#sorted.filter((item) => {
      item.buckets = NONE;
      return this.#matches(item.row);
    });
    this.#shown = shown.length;
    this.#mode = this.#wanted();
    for (const item of shown) this.#join(item);
    this.#rebuilds = this.#resorts = false;
    this.#refolds = true;
    this.#settle();
  }

  #know(row: Row): Item {
    const item: Item = { row, rank: 0, text: "", tie: 0, buckets: NONE, moved: false };
    this.#items.set(row.id, item);
    this.#sorted.push(item);
    return item;
  }

  #take(id: string): void {
    const row = this.#store.get(id);
    const item = this.#items.get(id) ?? (row && this.#know(row));
    if (!item) return;
    const { row: before, rank, tie, buckets } = item;
    const matches = row !== undefined && this.#matches(row);
    if (row) {
      item.row = row;
      this.#rank(item);
      const isSame = rank === item.rank && tie === item.tie;
      if (matches && isIn(item) && isSame && PLACE.every((field) => before[field] === row[field])) {
        for (const bucket of buckets) {
          bucket.done += partOf(row) - partOf(before);
          bucket.group = null;
        }
        return;
      }
    } else this.#items.delete(id);
    if (isIn(item)) {
      this.#shown -= 1;
      this.#moved.push(item);
      item.moved = true;
      item.buckets = NONE;
      for (const bucket of buckets) this.#tally(bucket, before, -1);
    }
    if (!matches) return;
    this.#shown += 1;
    this.#join(item);
  }

  #rank(item: Item): void {
    const { sort } = this.#choice;
    const { row } = item;
    const tie = rankOf(row);
    const rank = sort ? RANKS[sort.key](row) : tie;
    item.rank = sort?.down ? -rank : rank;
    item.tie = tie;
    item.text = sort?.key === "name" ? natural(label(row)) : "";
  }

  #join(item: Item): void {
    item.buckets = this.#bucketsOf(item.row);
    for (const bucket of item.buckets) {
      this.#tally(bucket, item.row, 1);
      bucket.incoming.push(item);
    }
  }

  #tally(bucket: Bucket, row: Row, by: 1 | -1): void {
    bucket.counts[row.status] = (bucket.counts[row.status] ?? 0) + by;
    bucket.done += by * partOf(row);
    this.#touched.add(bucket);
  }

  /** Bring the buckets that were touched, and the blocks, into order again. */
  #settle(): void {
    if (!this.#touched.size && !this.#refolds) return;
    this.#refolds = false;
    for (const bucket of this.#touched) {
      merge(bucket, this.#compare);
      bucket.group = null;
      if (!bucket.items.length) this.#buckets.delete(bucket.key);
    }
    this.#touched.clear();
    for (const item of this.#moved) item.moved = false;
    this.#moved = [];
    for (const bucket of this.#blocks) bucket.lines = 0;
    const { sort, unfolded } = this.#choice;
    this.#blocks = [...this.#buckets.values()].filter((bucket) => {
      const { kind, key, items, counts } = bucket;
      bucket.header = kind !== "all" && items.length > 1 ? 1 : 0;
      bucket.skip = sort || kind === "failure" ? 0 : sumOf(counts, isFailure);
      const jobs = items.length - bucket.skip;
      bucket.lines = bucket.header && !unfolded.has(key) ? 1 : jobs + bucket.header;
      return jobs > 0;
    });
    this.#blocks.sort(this.#compareBlocks);
    this.#count = 0;
    for (const bucket of this.#blocks) {
      bucket.start = this.#count;
      this.#count += bucket.lines;
    }
  }

  #bucketsOf({ id, status, failure, name, request, tags }: Row): readonly Bucket[] {
    const failed =
      !this.#choice.sort && isFailure(status)
        ? this.#bucket("failure", failure ?? "", failure ?? `\n${id}`)
        : null;
    const mode = this.#mode;
    if (mode === "tag" && tags?.length) {
      const buckets = [...new Set(tags)].map((tag) => this.#bucket(mode, tag));
      return failed ? [failed, ...buckets] : buckets;
    }
    const bucket =
      mode === "tag"
        ? this.#bucket(mode, "no tag", "")
        : mode === "name"
          ? this.#bucket(mode, stem(label({ id, name, request })))
          : this.#bucket("all", "");
    return failed ? [failed, bucket] : bucket.alone;
  }

  #bucket(kind: Bucket["kind"], title: string, name = title): Bucket {
    const key = `${kind}:${name}`;
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      const nothing = { done: 0, group: null, header: 0, skip: 0, start: 0, lines: 0 } as const;
      const empty = { items: [], incoming: [], counts: {}, alone: [] as Bucket[], ...nothing };
      bucket = { key, kind, title, ...empty };
      empty.alone.push(bucket);
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  #groupOf(bucket: Bucket): Group {
    const { key, kind, title, items, counts, done } = bucket;
    const total = items.length;
    const live = sumOf(counts, isLive);
    return (bucket.group ??= {
      key,
      kind: kind as Group["kind"],
      title,
      total,
      counts: Object.fromEntries(Object.entries(counts).filter(([, count]) => count)),
      fold: bucket.lines === 1,
      ids: () => items.map(idOf),
      get example() {
        return newest(items);
      },
      progress: live ? done / total : null,
      finished: total - live,
    });
  }

  #compare = (a: Item, b: Item): number =>
    a.rank - b.rank ||
    (this.#choice.sort?.down ? compareText(b.text, a.text) : compareText(a.text, b.text)) ||
    a.tie - b.tie ||
    compareText(a.row.id, b.row.id);

  /** Failures, newest first; then groups, those with live jobs first, by title; then jobs. */
  #compareBlocks = (a: Bucket, b: Bucket): number => {
    const kindOf = ({ kind, header }: Bucket): number => (kind === "failure" ? 0 : header ? 1 : 2);
    const kind = kindOf(a);
    const by = kind - kindOf(b);
    if (by || kind !== 1) return by || this.#compare(a.items[0] as Item, b.items[0] as Item);
    const over = (bucket: Bucket): number => Number(!sumOf(bucket.counts, isLive));
    return over(a) - over(b) || compareText(natural(a.title), natural(b.title));
  };
}

type Compare = (a: Item, b: Item) => number;

/** Take out what moved and merge in what comes, in place. */
function merge({ items, incoming }: Bucket, compare: Compare): void {
  let kept = 0;
  for (const item of items) if (!item.moved) items[kept++] = item;
  incoming.sort(compare);
  let to = (items.length = kept + incoming.length);
  for (let item = incoming.pop(); item; item = incoming.pop()) {
    const at = position(items, item, compare, kept);
    while (kept > at) items[(to -= 1)] = items[(kept -= 1)] as Item;
    items[(to -= 1)] = item;
  }
}

/** Where the item stands, or would stand, among the first ones. */
function position(
  items: readonly Item[],
  item: Item,
  compare: Compare,
  high = items.length,
): number {
  let low = 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(items[middle] as Item, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isIn = (item: Item): boolean => item.buckets !== NONE;
const idOf = ({ row }: Item): string => row.id;

const newest = (items: readonly Item[]): Row =>
  items.map(({ row }) => row).reduce((a, b) => ((b.createdAt ?? 0) > (a.createdAt ?? 0) ? b : a));
