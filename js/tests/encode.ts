/** Rows as the kernel sends them, by columns (`src/wire.ts` reads them). */

import type { Column, Columns, Row } from "../src/types.ts";

export function encode(rows: readonly Row[]): Columns {
  const columns: Columns = { n: rows.length };
  for (const field of Object.keys(rows[0] ?? {}) as (keyof Row)[]) {
    const column = columnOf(rows.map((row) => row[field]));
    if (column) columns[field] = column;
  }
  return columns;
}

function columnOf(values: readonly unknown[]): Column | null {
  const words = [...new Set(values)];
  if (words.length === 1) return words[0] === null ? null : { all: words[0] };
  const numbers = words.filter((word) => typeof word === "number");
  const [from = 0] = numbers;
  if (words.every((word) => word === null || (Number.isInteger(word) && Number(word) > 1e9)))
    return { from, plus: values.map((value) => (value === null ? null : Number(value) - from)) };
  if (words.length > values.length / 2) return values;
  return { words, at: values.map((value) => words.indexOf(value)) };
}
