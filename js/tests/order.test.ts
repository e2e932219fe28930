import { describe, expect, test } from "vitest";
import { compareRows, rowTop, sliceOf, slotsOf, type Geometry } from "../src/order.ts";
import type { Row } from "../src/types.ts";
import { manyRows } from "./many.ts";
import { rowOf } from "./rows.ts";

const sorted = (...rows: Partial<Row>[]): string[] =>
  rows
    .map(rowOf)
    .sort(compareRows)
    .map((row) => row.id);

describe("the order", () => {
  test("is trouble, work, ends of work, queue, the past", () => {
    const ids = sorted(
      { id: "cancelled", status: "CANCELLED", finishedAt: 1 },
      { id: "succeeded", status: "SUCCEEDED", finishedAt: 2 },
      { id: "queued", status: "QUEUED" },
      { id: "cancelling", status: "CANCELLING" },
      { id: "running", status: "RUNNING" },
      { id: "lost", status: "LOST", finishedAt: 1 },
      { id: "timed out", status: "TIMED_OUT", finishedAt: 2 },
      { id: "failed", status: "FAILED", finishedAt: 3 },
    );

    expect(ids).toEqual([
      ...["failed", "timed out", "lost", "running", "cancelling", "queued"],
      ...["succeeded", "cancelled"],
    ]);
  });

  test("has the longest running first", () => {
    expect(sorted({ id: "new", startedAt: 9 }, { id: "old", startedAt: 1 })).toEqual([
      "old",
      "new",
    ]);
  });

  test("has the queue by priority, then by age", () => {
    const queued = { status: "QUEUED" } as const;
    const ids = sorted(
      { ...queued, id: "low", priority: "LOW", createdAt: 1 },
      { ...queued, id: "young", priority: "MEDIUM", createdAt: 9 },
      { ...queued, id: "old", createdAt: 2 },
      { ...queued, id: "high", priority: "HIGH", createdAt: 9 },
    );

    expect(ids).toEqual(["high", "old", "young", "low"]);
  });

  test("has what ended last first", () => {
    const over = { status: "SUCCEEDED" } as const;

    expect(
      sorted({ ...over, id: "early", finishedAt: 1 }, { ...over, id: "late", finishedAt: 2 }),
    ).toEqual(["late", "early"]);
  });

  test("does not depend on where rows were before", () => {
    const rows = manyRows(500);
    const again = [...rows].reverse().sort(compareRows);

    expect(again).toEqual([...rows].sort(compareRows));
  });
});

describe("the window", () => {
  const closed: Geometry = {
    scrollTop: 0,
    height: 256,
    rowHeight: 32,
    count: 10_000,
    openIndex: -1,
    drawerHeight: 0,
  };

  test("has what is in sight and a few more", () => {
    expect(sliceOf({ ...closed, scrollTop: 3200 })).toEqual({
      first: 94,
      last: 115,
      offset: 94 * 32,
      total: 320_000,
    });
  });

  test("never has more than sixty rows", () => {
    const open = { ...closed, openIndex: 5000, drawerHeight: 260, height: 256 + 260 };
    for (let scrollTop = 0; scrollTop < 321_000; scrollTop += 997) {
      const { first, last } = sliceOf({ ...open, scrollTop });

      expect(last - first).toBeLessThanOrEqual(60);
    }
  });

  test("has every row and the drawer that is in sight, wherever it is scrolled to", () => {
    const g: Geometry = { ...closed, count: 40, openIndex: 12, drawerHeight: 200, height: 456 };
    for (let scrollTop = 0; scrollTop <= 40 * 32 + 200 - 456; scrollTop += 1) {
      const slice = sliceOf({ ...g, scrollTop });
      for (let index = 0; index < g.count; index += 1) {
        const top = rowTop(index, g);
        const bottom = top + 32 + (index === g.openIndex ? 200 : 0);
        const inSight = bottom > scrollTop && top < scrollTop + g.height;
        if (inSight) expect(index >= slice.first && index < slice.last).toBe(true);
      }

      expect(slice.offset).toBe(rowTop(slice.first, g));
    }
  });

  test("of a short list is the list", () => {
    expect(sliceOf({ ...closed, count: 3, height: 96 })).toEqual({
      first: 0,
      last: 3,
      offset: 0,
      total: 96,
    });
  });

  test("holds rows also when the list became shorter than where it was scrolled to", () => {
    const { first, last } = sliceOf({ ...closed, count: 10, scrollTop: 9000 });

    expect(last).toBe(10);
    expect(first).toBeLessThanOrEqual(10);
  });
});

test("a line keeps its slot, others take those that are free, then new ones", () => {
  const before = new Map([
    ["a", 1],
    ["b", 2],
    ["c", 3],
  ]);

  const slots = slotsOf(["c", "d", "e"], before, [1]);

  expect([...slots]).toEqual([
    ["c", 3],
    ["d", 1],
    ["e", 4],
  ]);
});
