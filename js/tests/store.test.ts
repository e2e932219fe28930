import { describe, expect, test } from "vitest";
import { compareRows } from "../src/order.ts";
import { JobStore } from "../src/store.ts";
import type { FromKernel } from "../src/types.ts";
import { manyRows, stormPatch } from "./many.ts";
import { rowOf } from "./rows.ts";

const idsOf = (store: JobStore): string[] => store.slice(0, store.size).map((row) => row.id);

function storeOf(...rows: Parameters<typeof rowOf>[0][]): JobStore {
  const store = new JobStore();
  store.replace(rows.map(rowOf));
  return store;
}

describe("a patch", () => {
  test("changes the fields that it names and keeps the others", () => {
    const store = storeOf({ id: "a", name: "train", progress: 0.1 });

    store.patch({ a: { progress: 0.2 } });

    expect(store.get("a")).toEqual(rowOf({ id: "a", name: "train", progress: 0.2 }));
  });

  test("leaves the rows it does not name as the objects they were", () => {
    const store = storeOf({ id: "a" }, { id: "b" });
    const before = store.get("b");

    store.patch({ a: { progress: 0.2 } });

    expect(store.get("b")).toBe(before);
  });

  test("counts a change of state and moves the row", () => {
    const store = storeOf({ id: "a", startedAt: 1 }, { id: "b", startedAt: 2 });

    store.patch({ b: { status: "FAILED", finishedAt: 3 } });

    expect(store.counts).toEqual({ RUNNING: 1, FAILED: 1 });
    expect(idsOf(store)).toEqual(["b", "a"]);
    expect(store.indexOf("a")).toBe(1);
    expect(store.liveCount).toBe(1);
  });

  test("brings a new job as a whole row", () => {
    const store = storeOf();

    store.patch({ a: rowOf({ id: "a", status: "QUEUED" }) });

    expect([store.total, store.size, store.at(0)?.id]).toEqual([1, 1, "a"]);
  });

  test("for a job that is not there, and that is not one, is nothing", () => {
    const store = storeOf();

    store.patch({ a: { progress: 1 } });

    expect([store.total, store.size, store.indexOf("a")]).toEqual([0, 0, -1]);
  });
});

test("after thousands of changes the order and the counts are those of a fresh start", () => {
  const store = new JobStore();
  store.replace(manyRows(2000));

  for (let seq = 2; seq < 30; seq += 1) {
    store.patch((stormPatch(seq, 2000, 300) as FromKernel & { type: "patch" }).jobs);
  }

  const rows = store.slice(0, store.size);
  const fresh = new JobStore();
  fresh.replace(rows);
  expect(rows).toEqual([...rows].sort(compareRows));
  expect(store.counts).toEqual(fresh.counts);
  expect(store.total).toBe(2000);
});

test("the counts of a summary outweigh the rows that came with it", () => {
  const store = new JobStore();

  store.replace([rowOf({ id: "a" })], { counts: { RUNNING: 40, QUEUED: 2 }, total: 42 });

  expect([store.size, store.total, store.liveCount]).toEqual([1, 42, 42]);
});
