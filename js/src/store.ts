/** The jobs a page knows: rows by id, their order, their counts. A patch costs what it changes, not what is there. */

import { isLive } from "./format.ts";
import { compareRows, ORDER_KEYS } from "./order.ts";
import type { Counts, Row, RowPatch, Status } from "./types.ts";

interface Entry {
  row: Row;
  moved: boolean;
}

export class JobStore {
  #entries = new Map<string, Entry>();
  #order: Entry[] = [];
  #counts: Counts = {};
  #total = 0;

  /** How many jobs there are, also those whose rows this page has not got. */
  get total(): number {
    return this.#total;
  }

  /** How many rows there are to draw. */
  get size(): number {
    return this.#order.length;
  }

  get counts(): Readonly<Counts> {
    return this.#counts;
  }

  /** How many jobs can still change. */
  get liveCount(): number {
    let live = 0;
    for (const [status, count] of Object.entries(this.#counts))
      if (isLive(status as Status)) live += count;
    return live;
  }

  get(id: string): Row | undefined {
    return this.#entries.get(id)?.row;
  }

  at(index: number): Row | undefined {
    return this.#order[index]?.row;
  }

  slice(first: number, last: number): Row[] {
    return this.#order.slice(first, last).map((entry) => entry.row);
  }

  /** Where the job stands in the list, or -1. */
  indexOf(id: string): number {
    const entry = this.#entries.get(id);
    return entry ? this.#order.indexOf(entry) : -1;
  }

  /**
   * Forget what is known and start from these rows.
   * @param known Counts of all jobs, when `rows` are only the first of them.
   */
  replace(rows: readonly Row[], known?: { counts: Counts; total: number }): void {
    this.#entries = new Map(rows.map((row) => [row.id, { row, moved: false }]));
    this.#order = [...this.#entries.values()].sort((a, b) => compareRows(a.row, b.row));
    this.#counts = known ? { ...known.counts } : {};
    this.#total = known?.total ?? this.#order.length;
    if (!known) for (const { row } of this.#order) this.#count(row.status, 1);
  }

  /** Take in changed fields by id; a new job is a whole row. */
  patch(jobs: Readonly<Record<string, RowPatch>>): void {
    const moved: Entry[] = [];
    for (const [id, fields] of Object.entries(jobs)) {
      const entry = this.#entries.get(id);
      if (entry) {
        const before = entry.row;
        entry.row = { ...before, ...fields, id };
        if (before.status !== entry.row.status) {
          this.#count(before.status, -1);
          this.#count(entry.row.status, 1);
        }
        if (ORDER_KEYS.some((key) => before[key] !== entry.row[key])) moved.push(entry);
      } else if (fields.status) {
        const added: Entry = { row: fields as Row, moved: false };
        this.#entries.set(id, added);
        this.#count(fields.status, 1);
        this.#total += 1;
        moved.push(added);
      }
    }
    if (moved.length) this.#order = reorder(this.#order, moved);
  }

  #count(status: Status, by: number): void {
    const count = (this.#counts[status] ?? 0) + by;
    if (count > 0) this.#counts[status] = count;
    else delete this.#counts[status];
  }
}

/** Take the moved entries out of a sorted list and merge them in where they now belong. */
function reorder(order: readonly Entry[], moved: Entry[]): Entry[] {
  for (const entry of moved) entry.moved = true;
  const kept = order.filter((entry) => !entry.moved);
  moved.sort((a, b) => compareRows(a.row, b.row));
  const merged: Entry[] = [];
  let from = 0;
  for (const entry of moved) {
    const to = position(kept, entry.row, from);
    for (; from < to; from += 1) merged.push(kept[from] as Entry);
    merged.push(entry);
    entry.moved = false;
  }
  for (; from < kept.length; from += 1) merged.push(kept[from] as Entry);
  return merged;
}

function position(order: readonly Entry[], row: Row, low: number): number {
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareRows((order[middle] as Entry).row, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
