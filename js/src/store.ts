/** The jobs a page knows: rows by id, and their counts. What stands where is each view's own (`outline.ts`). */

import { isLive } from "./format.ts";
import type { Counts, Row, RowPatch, Status } from "./types.ts";

/** Told the jobs that changed, came or went; null: everything is new. */
type Watcher = (ids: readonly string[] | null) => void;

export interface JobStore {
  /** How many jobs there are, also those whose rows this page has not got. */
  readonly total: number;
  /** How many rows there are to draw. */
  readonly size: number;
  /** By state, only those that are not zero; another object only when one of them changed. */
  readonly counts: Readonly<Counts>;
  /** How many jobs can still change. */
  readonly liveCount: number;
  get(id: string): Row | undefined;
  rows(): Iterable<Row>;
  /** Call `onChange` after every change, until the function that this returns is called. */
  watch(onChange: Watcher): () => void;
  /**
   * Forget what is known and start from these rows.
   * @param known What is known of all jobs, when `rows` are only the first of them.
   */
  replace(rows: readonly Row[], known?: { total?: number; counts?: Counts }): void;
  /** Take in whole rows, of new jobs or of known ones. */
  add(rows: readonly Row[]): void;
  /** Take in changed fields by id; what is said of jobs that are not here is left aside. */
  patch(jobs: Readonly<Record<string, RowPatch>>): void;
  /** Forget jobs. */
  drop(ids: readonly string[]): void;
}

export function storeOf(): JobStore {
  const known = new Map<string, Row>();
  const watchers = new Set<Watcher>();
  let counts: Counts = {};
  let told: Readonly<Counts> | null = null;
  let announced = 0;

  function put(row: Row): void {
    const before = known.get(row.id)?.status;
    known.set(row.id, row);
    if (before === row.status) return;
    if (before) count(before, -1);
    count(row.status, 1);
  }

  function count(status: Status, by: number): void {
    const now = (counts[status] ?? 0) + by;
    if (now > 0) counts[status] = now;
    else delete counts[status];
    told = null;
  }

  function tell(ids: readonly string[] | null): void {
    if (ids?.length === 0) return;
    for (const watcher of watchers) watcher(ids);
  }

  return {
    get total() {
      return Math.max(announced, known.size);
    },
    get size() {
      return known.size;
    },
    get counts() {
      return (told ??= { ...counts });
    },
    get liveCount() {
      let live = 0;
      for (const [status, count] of Object.entries(counts))
        if (isLive(status as Status)) live += count;
      return live;
    },
    get: (id) => known.get(id),
    rows: () => known.values(),
    watch(onChange) {
      watchers.add(onChange);
      return () => void watchers.delete(onChange);
    },
    replace(rows, all = {}) {
      known.clear();
      counts = {};
      told = null;
      announced = all.total ?? 0;
      rows.forEach(put);
      counts = { ...(all.counts ?? counts) };
      tell(null);
    },
    add(rows) {
      rows.forEach(put);
      tell(rows.map((row) => row.id));
    },
    patch(jobs) {
      const changed: string[] = [];
      for (const id in jobs) {
        const before = known.get(id);
        if (!before) continue;
        put({ ...before, ...jobs[id], id });
        changed.push(id);
      }
      tell(changed);
    },
    drop(ids) {
      for (const id of ids) {
        const row = known.get(id);
        if (!row) continue;
        known.delete(id);
        count(row.status, -1);
        announced -= 1;
      }
      tell(ids);
    },
  };
}
