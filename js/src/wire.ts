/** Rows as they travel: by columns, each as short as it can be told. Pure. */

import type { Column, Columns, Row } from "./types.ts";

const FIELDS =
  "id name kind request status priority progress done total message error failure tags attempt metric endsAt slow batch attached createdAt startedAt finishedAt".split(
    " ",
  ) as (keyof Row)[];
const BLANK = Object.fromEntries(FIELDS.map((field) => [field, null]));

/** The rows that columns tell; fields that this page does not know are left aside. */
export function decode(columns: Columns): Row[] {
  const rows = Array.from({ length: columns.n }, () => ({ ...BLANK }) as unknown as Row);
  for (const field of FIELDS) {
    const column = columns[field];
    if (column) rows.forEach((row, index) => (row[field] = valueAt(column, index) as never));
  }
  return rows;
}

function valueAt(column: Column, index: number): unknown {
  if ("all" in column) return column.all;
  if ("words" in column) return column.words[column.at[index] as number];
  if (!("from" in column)) return column[index];
  const plus = column.plus[index] ?? null;
  return plus === null ? null : column.from + plus;
}
