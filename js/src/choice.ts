/** What a reader chose to see in one view. Pure and immutable; it never leaves the page. */

import type { Row, Status } from "./types.ts";

/** The columns that a list can be sorted by. */
export const SORT_KEYS = ["state", "name", "work", "time"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Sort {
  key: SortKey;
  /** The most, the last, the longest first. */
  down: boolean;
}

export interface Choice {
  /** None stands for all. */
  statuses: ReadonlySet<Status>;
  query: string;
  /** null: trouble first. */
  sort: Sort | null;
  /** null: by name where the list would be long, else not. */
  groupBy: "none" | "batch" | "name" | "tag" | null;
  /** The keys of the groups that are not as they are at first: unfolded, or of a small batch folded. */
  unfolded: ReadonlySet<string>;
}

export const ALL: Choice = {
  statuses: new Set(),
  query: "",
  sort: null,
  groupBy: null,
  unfolded: new Set(),
};

/** A test for rows that is made once and asked often: its state, and every word of the query somewhere in it. */
export function matcher({ statuses, query }: Choice): (row: Row) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    if (statuses.size && !statuses.has(row.status)) return false;
    if (!words.length) return true;
    const { name, id, message, error, request, tags } = row;
    const text = [name, id, message, error, request, ...(tags ?? [])].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/** Whether a job is one of those that the reader wants to see. */
export const matches = (row: Row, choice: Choice): boolean => matcher(choice)(row);
