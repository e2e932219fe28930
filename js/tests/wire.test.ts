import { expect, test } from "vitest";
import { decode } from "../src/wire.ts";
import type { Columns } from "../src/types.ts";
import { encode } from "./encode.ts";
import { manyRows } from "./many.ts";
import { rowOf } from "./rows.ts";

test("each way to tell a column is understood", () => {
  const columns: Columns = {
    n: 3,
    id: ["a", "b", "c"],
    status: { words: ["SUCCEEDED", "FAILED"], at: [0, 0, 1] },
    createdAt: { from: 1_700_000_000_000, plus: [0, 12, null] },
    progress: { all: 1 },
    name: ["x", null, "z"],
    tags: { words: [null, ["t"]], at: [1, 0, 1] },
  };

  expect(decode(columns)).toEqual([
    rowOf({
      ...{ id: "a", status: "SUCCEEDED", createdAt: 1_700_000_000_000, progress: 1, name: "x" },
      tags: ["t"],
    }),
    rowOf({ id: "b", status: "SUCCEEDED", createdAt: 1_700_000_000_012, progress: 1 }),
    rowOf({ id: "c", status: "FAILED", progress: 1, name: "z", tags: ["t"] }),
  ]);
});

test("no rows are none, whatever the columns say", () => {
  expect(decode({ n: 0, progress: { all: 1 } })).toEqual([]);
});

test("fields that this page does not know are left aside", () => {
  const columns = { n: 1, id: ["a"], status: { all: "RUNNING" }, mood: ["good"] } as Columns;

  expect(decode(columns)).toEqual([rowOf({ id: "a" })]);
});

test("what is encoded comes back", () => {
  const rows = manyRows(500);

  expect(decode(encode(rows))).toEqual(rows);
});
