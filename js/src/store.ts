/** The jobs a page knows: rows by id, and their counts. What stands where is each view's own (`outline.ts`). */

import { isLive } from "./format.ts";
import type { Counts, Row, RowPatch, Status } from "./types.ts";

/** Told the jobs that changed, came or went; null: everything is new. */
type Watcher = (ids: readonly string[] | null) => void;

export class JobStore {
  #rows = new Map<string, Row>();
  #counts: Counts = {};
  #told: Readonly<Counts> | null = null;
  #announced = 0;
  readonly #watchers = new Set<Watcher>();

  /** How many jobs there are, also those whose rows this page has not got. */
  get total(): number {
    return Math.max(this.#announced, this.size);
  }

  /** How many rows there are to draw. */
  get size(): number {
    return this.#rows.size;
  }

  /** By state, only those that are not zero; another object only when one of them changed. */
  get counts(): Readonly<Counts> {
    return (this.#told ??= { ...this.#counts });
  }

  /** How many jobs can still change. */
  get liveCount(): number {
    let live = 0;
    for (const [status, count] of Object.entries(this.#counts))
      if (isLive(status as Status)) live += count;
    return live;
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  rows(): Iterable<Row> {
    return this.#rows.values();
  }

  /** Call `onChange` after every change, until the function that this returns is called. */
  watch(onChange: Watcher): () => void {
    this.#watchers.add(onChange);
    return () => void this.#watchers.delete(onChange);
  }

  /**
   * Forget what is known and start from these rows.
   * @param known What is known of all jobs, when `rows` are only the first of them.
   */
  replace(rows: readonly Row[], known: { total?: number; counts?: Counts } = {}): void {
    this.#rows = new Map();
    this.#counts = {};
    this.#told = null;
    this.#announced = known.total ?? 0;
    this.#put(rows);
    if (known.counts) this.#counts = { ...known.counts };
    this.#tell(null);
  }

  /** Take in whole rows, of new jobs or of known ones. */
  add(rows: readonly Row[]): void {
    this.#put(rows);
    this.#tell(rows.map((row) => row.id));
  }

  /** Take in changed fields by id; what is said of jobs that are not here is left aside. */
  patch(jobs: Readonly<Record<string, RowPatch>>): void {
    const changed: string[] = [];
    for (const id of Object.keys(jobs)) {
      const before = this.#rows.get(id);
      if (!before) continue;
      this.#put([{ ...before, ...jobs[id], id }]);
      changed.push(id);
    }
    this.#tell(changed);
  }

  /** Forget jobs. */
  drop(ids: readonly string[]): void {
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (!row) continue;
      this.#rows.delete(id);
      this.#count(row.status, -1);
      this.#announced -= 1;
    }
    this.#tell(ids);
  }

  #put(rows: readonly Row[]): void {
    for (const row of rows) {
      const before = this.#rows.get(row.id)?.status;
      this.#rows.set(row.id, row);
      if (before === row.status) continue;
      if (before) this.#count(before, -1);
      this.#count(row.status, 1);
    }
  }

  #count(status: Status, by: number): void {
    const count = (this.#counts[status] ?? 0) + by;
    this.#told = null;
    if (count > 0) this.#counts[status] = count;
    else delete this.#counts[status];
  }

  #tell(ids: readonly string[] | null): void {
    if (ids?.length === 0) return;
    for (const watcher of this.#watchers) watcher(ids);
  }
}
