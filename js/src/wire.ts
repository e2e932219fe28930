/** Rows as they travel: by columns, each as short as it can be told. Pure. */

import type { Column, Columns, Row } from "./types.ts";

const BLANK: Row = {
  id: "",
  name: null,
  kind: null,
  request: null,
  status: "QUEUED",
  priority: null,
  progress: null,
  done: null,
  total: null,
  message: null,
  error: null,
  failure: null,
  tags: null,
  attempt: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
};

/** The rows that columns tell; fields that this page does not know are left aside. */
export function decode(columns: Columns): Row[] {
  const rows = Array.from({ length: columns.n }, () => ({ ...BLANK }));
  for (const field of Object.keys(BLANK) as (keyof Row)[]) {
    const column = columns[field];
    if (!column) continue;
    const valueAt = reader(column);
    for (const [index, row] of rows.entries()) row[field] = valueAt(index) as never;
  }
  return rows;
}

function reader(column: Column): (index: number) => unknown {
  if ("all" in column) return () => column.all;
  if ("words" in column) return (index) => column.words[column.at[index] as number];
  if ("from" in column) {
    return (index) => {
      const plus = column.plus[index] ?? null;
      return plus === null ? null : column.from + plus;
    };
  }
  return (index) => column[index];
}
