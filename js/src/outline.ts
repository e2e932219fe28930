/**
 * The lines of the list of one view: which jobs match, how they are grouped, and in which order all stands.
 *
 * An item is a job of this view. A bucket is a sorted run of items: the jobs of one failure, of one name, of one tag,
 * or simply all. Each bucket is a block of lines: a header that may unfold, or its jobs alone. Of what the store tells,
 * an item whose place stays costs a few sums, at once. The others are noted; `update` takes them out of their buckets
 * and merges them in again, all of one bucket in one go. So a patch never costs a sort of all that is there.
 *
 * While trouble is first, jobs that failed stand above the groups and not again inside them, though a group's facts
 * and `ids` are those of all its jobs.
 */

import {
  below,
  bucketOf,
  groupOf,
  idOf,
  isIn,
  merge,
  NONE,
  partOf,
  placeOf,
  sumOf,
  type Bucket,
  type Group,
  type Item,
} from "./bucket.ts";
import { ALL, matcher, type Choice } from "./choice.ts";
import { isFailure, isLive, label } from "./format.ts";
import { compareText, natural, RANKS, rankOf, stem } from "./order.ts";
import type { JobStore } from "./store.ts";
import type { Row } from "./types.ts";

export type { Group };

/** Up to so many jobs the automatic choice is to group them by batch, above it also by name. */
export const MANY = 200;
/** A batch of more jobs than these is folded at first. */
const FEW = 20;

/**
 * A line of the list. `key` is unique and stays: a group's key, or a job's id; where a job stands in further groups,
 * `id@group`. The object is a new one each time, `row` and `group` are new only when they changed.
 */
export type Line =
  | { kind: "job"; key: string; id: string; row: Row; depth: 0 | 1 }
  | { kind: "group" | "failure"; key: string; title: string; group: Group };

export interface Outline {
  /** Show what a reader chose; `update` brings it. */
  set(choice: Choice): void;
  /** Take in what changed since the last time; whether anything did. */
  update(): boolean;
  /** How many lines there are. */
  readonly count: number;
  /** A line, by its place from 0 up to but not including `count`. */
  lineAt(index: number): Line;
  /** The lines from `first` up to but not including `last`. */
  slice(first: number, last: number): Line[];
  /** Where the line of this key stands, or -1: it is not there, or folded away. */
  indexOf(key: string): number;
  /** How many jobs match. */
  readonly shown: number;
  /** The jobs that match. */
  ids(): string[];
  /** How the jobs are grouped, also when the choice is automatic. */
  readonly groupedBy: Mode;
  /** Stop taking in what the store tells. */
  close(): void;
}

type Mode = NonNullable<Choice["groupBy"]>;

/** Whether two rows of a job are in the same buckets. */
const isPlacedAs = (a: Row, b: Row): boolean =>
  a.status === b.status &&
  a.failure === b.failure &&
  a.name === b.name &&
  a.request === b.request &&
  a.batch === b.batch &&
  a.tags === b.tags;

/** What is to be done again: the folds; which jobs match; how they are sorted; all, since all jobs are new. */
const FOLDS = 1;
const MATCHES = 2;
const SORTS = 3;
const JOBS = 4;

export function outlineOf(store: JobStore): Outline {
  let choice = ALL;
  let matches = matcher(ALL);
  let mode: Mode = "none";
  let stale = JOBS;
  /** Whether the store told anything; and the jobs whose places changed. */
  let isNew = false;
  const dirty = new Set<string>();
  const items = new Map<string, Item>();
  /** All of them, sorted as they were at the last rebuilding. */
  let sorted: Item[] = [];
  let shown = 0;
  const buckets = new Map<string, Bucket>();
  const touched = new Set<Bucket>();
  let moved: Item[] = [];
  let blocks: Bucket[] = [];
  let count = 0;

  const compare = (a: Item, b: Item): number =>
    a.rank - b.rank ||
    (choice.sort?.down ? compareText(b.text, a.text) : compareText(a.text, b.text)) ||
    a.tie - b.tie ||
    compareText(idOf(a), idOf(b));

  const wanted = (): Mode =>
    choice.groupBy ?? (choice.sort ? "none" : shown > MANY ? "name" : "batch");

  function rebuild(): void {
    buckets.clear();
    matches = matcher(choice);
    sorted = sorted.filter((item) => items.get(idOf(item)) === item);
    if (stale >= SORTS) sorted.forEach(rank);
    const matching = sorted.sort(compare).filter((item) => {
      item.buckets = NONE;
      return matches(item.row);
    });
    shown = matching.length;
    mode = wanted();
    matching.forEach(join);
    settle();
  }

  function know(row: Row): Item {
    const item: Item = { row, rank: 0, text: "", tie: 0, buckets: NONE, moved: false };
    items.set(row.id, item);
    sorted.push(item);
    return item;
  }

  /** Note that a job changed; if its place stays, all that there is to do is done at once. */
  function note(id: string): void {
    const row = store.get(id);
    const item = items.get(id);
    isNew = true;
    if (!row || !item || !stays(item, row)) return void dirty.add(id);
    for (const bucket of item.buckets) {
      bucket.done += partOf(row) - partOf(item.row);
      bucket.group = null;
    }
    item.row = row;
  }

  const stays = (item: Item, row: Row): boolean =>
    isPlacedAs(item.row, row) &&
    item.tie === rankOf(row) &&
    item.rank === rankIn(row) &&
    isIn(item) === matches(row);

  function take(id: string): void {
    const row = store.get(id);
    const item = items.get(id) ?? (row && know(row));
    if (!item) return;
    if (isIn(item)) {
      shown -= 1;
      moved.push(item);
      item.moved = true;
      for (const bucket of item.buckets) tally(bucket, item.row, -1);
      item.buckets = NONE;
    }
    if (!row) return void items.delete(id);
    item.row = row;
    rank(item);
    if (!matches(row)) return;
    shown += 1;
    join(item);
  }

  function rankIn(row: Row): number {
    const { sort } = choice;
    const value = sort ? RANKS[sort.key](row) : rankOf(row);
    return sort?.down ? -value : value;
  }

  function rank(item: Item): void {
    const { row } = item;
    item.rank = rankIn(row);
    item.tie = rankOf(row);
    item.text = choice.sort?.key === "name" ? natural(label(row)) : "";
  }

  function join(item: Item): void {
    item.buckets = bucketsOf(item.row);
    for (const bucket of item.buckets) {
      tally(bucket, item.row, 1);
      bucket.incoming.push(item);
    }
  }

  function tally(bucket: Bucket, row: Row, by: 1 | -1): void {
    bucket.counts[row.status] = (bucket.counts[row.status] ?? 0) + by;
    bucket.done += by * partOf(row);
    touched.add(bucket);
  }

  function bucketsOf(row: Row): readonly Bucket[] {
    const { id, status, failure, tags, batch } = row;
    const failed =
      choice.sort || !isFailure(status)
        ? null
        : put("failure", failure ?? "", failure ?? `\n${id}`);
    if (mode === "tag" && tags?.length) {
      const tagged = [...new Set(tags)].map((tag) => put("tag", tag));
      return failed ? [failed, ...tagged] : tagged;
    }
    const bucket =
      mode === "tag"
        ? put(mode, "no tag", "")
        : batch && (mode === "batch" || (mode === "name" && !choice.groupBy))
          ? put("batch", stem(label(row)), batch)
          : mode === "name"
            ? put(mode, stem(label(row)))
            : put("all", choice.sort || isLive(status) ? "" : "over");
    return failed ? [failed, bucket] : bucket.alone;
  }

  function put(kind: Bucket["kind"], title: string, name = title): Bucket {
    const key = `${kind}:${name}`;
    const bucket = buckets.get(key) ?? bucketOf(kind, title, key);
    buckets.set(key, bucket);
    return bucket;
  }

  /** Bring the buckets that were touched, and the blocks, into order again. */
  function settle(): void {
    for (const bucket of touched) {
      merge(bucket, compare);
      bucket.group = null;
      if (!bucket.items.length) buckets.delete(bucket.key);
    }
    touched.clear();
    for (const item of moved) item.moved = false;
    moved = [];
    for (const bucket of blocks) bucket.lines = 0;
    blocks = [...buckets.values()].filter((bucket) => {
      const { kind, key, items, counts } = bucket;
      bucket.header = kind !== "all" && items.length > 1 ? 1 : 0;
      bucket.skip = choice.sort || kind === "failure" ? 0 : sumOf(counts, isFailure);
      const jobs = items.length - bucket.skip;
      // What a reader unfolds; a small batch is what he folds.
      const isSmall = kind === "batch" && items.length <= FEW;
      bucket.fold = bucket.header > 0 && choice.unfolded.has(key) === isSmall;
      const lines = bucket.fold ? 1 : jobs + bucket.header;
      if (stale) bucket.group = null;
      bucket.lines = lines;
      return jobs > 0;
    });
    blocks.sort(compareBlocks);
    count = 0;
    for (const bucket of blocks) {
      bucket.start = count;
      count += bucket.lines;
    }
  }

  /**
   * Failures, newest first; then groups, those with live jobs first, by title; then jobs. Where only batches are
   * groups, those that are over stand below the jobs that are not.
   */
  function compareBlocks(a: Bucket, b: Bucket): number {
    const overOf = ({ counts }: Bucket): number => Number(!sumOf(counts, isLive));
    const kindOf = (bucket: Bucket): number =>
      bucket.kind === "failure"
        ? 0
        : 2 - bucket.header + (mode === "name" || mode === "tag" ? 0 : 2 * overOf(bucket));
    const by = kindOf(a) - kindOf(b);
    if (by || !a.header || !b.header || a.kind === "failure")
      return by || compare(a.items[0] as Item, b.items[0] as Item);
    return overOf(a) - overOf(b) || compareText(natural(a.title), natural(b.title));
  }

  function lineAt(index: number): Line {
    const bucket = blocks[
      below(blocks.length, (at) => (blocks[at] as Bucket).start <= index) - 1
    ] as Bucket;
    const { header, kind, key, title } = bucket;
    const at = index - bucket.start - header;
    if (at < 0) {
      const group = (bucket.group ??= groupOf(bucket));
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

  const close = store.watch((ids) => {
    if (!ids) stale = JOBS;
    else ids.forEach(note);
  });

  return {
    close,
    lineAt,
    get count() {
      return count;
    },
    get shown() {
      return shown;
    },
    get groupedBy() {
      return mode === "batch" && !blocks.some(({ kind }) => kind === mode) ? "none" : mode;
    },
    ids: () => [...items.values()].filter(isIn).map(idOf),
    set(next) {
      const { statuses, query, sort, groupBy, unfolded } = choice;
      const isSame = statuses === next.statuses && query === next.query && groupBy === next.groupBy;
      const folds = unfolded === next.unfolded ? 0 : FOLDS;
      stale = Math.max(stale, sort !== next.sort ? SORTS : isSame ? folds : MATCHES);
      choice = next;
    },
    update() {
      if (!stale && !isNew) return false;
      isNew = false;
      if (stale === JOBS) {
        items.clear();
        sorted = [];
        for (const row of store.rows()) know(row);
      }
      for (const id of dirty) take(id);
      dirty.clear();
      if (stale || touched.size) settle();
      if (stale >= MATCHES || mode !== wanted()) rebuild();
      stale = 0;
      return true;
    },
    slice(first, last) {
      const lines: Line[] = [];
      for (let index = Math.max(0, first); index < Math.min(last, count); index += 1)
        lines.push(lineAt(index));
      return lines;
    },
    indexOf(key) {
      let item = items.get(key);
      const bucket = item ? item.buckets[0] : blocks.find((block) => key.endsWith(block.key));
      if (!bucket?.lines) return -1;
      const { header, skip, start, lines } = bucket;
      if (bucket.key === key) return header ? start : -1;
      item ??= items.get(key.slice(0, -bucket.key.length - 1));
      if (!item) return -1;
      const at = placeOf(bucket.items, item, compare);
      const line = header + at - skip;
      return bucket.items[at] === item && at >= skip && line < lines ? start + line : -1;
    },
  };
}
