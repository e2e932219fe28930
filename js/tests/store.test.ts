import { describe, expect, test, vi } from "vitest";
import { storeOf, type JobStore } from "../src/store.ts";
import type { FromKernel } from "../src/types.ts";
import { manyRows, stormPatch } from "./many.ts";
import { rowOf } from "./rows.ts";

function storeWith(...rows: Parameters<typeof rowOf>[0][]): JobStore {
  const store = storeOf();
  store.replace(rows.map(rowOf));
  return store;
}

describe("a patch", () => {
  test("changes the fields that it names and keeps the others", () => {
    const store = storeWith({ id: "a", name: "train", progress: 0.1 });

    store.patch({ a: { progress: 0.2 } });

    expect(store.get("a")).toEqual(rowOf({ id: "a", name: "train", progress: 0.2 }));
  });

  test("leaves the rows it does not name as the objects they were", () => {
    const store = storeWith({ id: "a" }, { id: "b" });
    const before = store.get("b");

    store.patch({ a: { progress: 0.2 } });

    expect(store.get("b")).toBe(before);
  });

  test("counts a change of state", () => {
    const store = storeWith({ id: "a" }, { id: "b" });

    store.patch({ b: { status: "FAILED" } });

    expect(store.counts).toEqual({ RUNNING: 1, FAILED: 1 });
    expect(store.liveCount).toBe(1);
  });

  test("for a job that is not there is nothing, and nobody is told", () => {
    const store = storeOf();
    const told = vi.fn();
    store.watch(told);

    store.patch({ a: { status: "FAILED" } });

    expect([store.total, store.size, store.counts]).toEqual([0, 0, {}]);
    expect(told).not.toHaveBeenCalled();
  });
});

describe("those who watch", () => {
  test("hear what changed, came and went, and when everything is new, until they stop", () => {
    const store = storeWith({ id: "a" }, { id: "b" });
    const told = vi.fn();
    const stop = store.watch(told);

    store.patch({ a: { progress: 0.5 } });
    store.add([rowOf({ id: "c" })]);
    store.drop(["b"]);
    store.replace([]);
    stop();
    store.replace([]);

    expect(told.mock.calls).toEqual([[["a"]], [["c"]], [["b"]], [null]]);
  });
});

describe("the total", () => {
  test("is what was announced, while rows are still on their way", () => {
    const store = storeOf();
    store.replace([rowOf({ id: "a" })], { total: 3 });
    expect([store.size, store.total]).toEqual([1, 3]);

    store.add([rowOf({ id: "b" }), rowOf({ id: "c" })]);

    expect([store.size, store.total]).toEqual([3, 3]);
  });

  test("grows with jobs that are new, and shrinks with those that are gone", () => {
    const store = storeOf();
    store.replace([rowOf({ id: "a" }), rowOf({ id: "b" })], { total: 2 });

    store.add([rowOf({ id: "c" })]);
    expect(store.total).toBe(3);
    store.drop(["a", "unknown"]);

    expect([store.size, store.total, store.counts]).toEqual([2, 2, { RUNNING: 2 }]);
  });
});

test("the counts are another object only when one of them changed", () => {
  const store = storeWith({ id: "a", status: "RUNNING" });
  const before = store.counts;

  store.patch({ a: { progress: 0.5 } });
  expect(store.counts).toBe(before);
  store.patch({ a: { status: "SUCCEEDED" } });

  expect(store.counts).toEqual({ SUCCEEDED: 1 });
  expect(before).toEqual({ RUNNING: 1 });
});

test("a row that comes again is counted once", () => {
  const store = storeWith({ id: "a", status: "QUEUED" });

  store.add([rowOf({ id: "a", status: "RUNNING" })]);

  expect([store.size, store.counts]).toEqual([1, { RUNNING: 1 }]);
});

test("after thousands of changes the counts are those of a fresh start", () => {
  const store = storeOf();
  store.replace(manyRows(2000));

  for (let seq = 2; seq < 30; seq += 1) {
    store.patch((stormPatch(seq, 2000, 300) as FromKernel & { type: "patch" }).jobs ?? {});
  }

  const fresh = storeOf();
  fresh.replace([...store.rows()]);
  expect(store.counts).toEqual(fresh.counts);
  expect(store.total).toBe(2000);
});

test("the counts of a summary outweigh the rows that came with it", () => {
  const store = storeOf();

  store.replace([rowOf({ id: "a" })], { counts: { RUNNING: 40, QUEUED: 2 }, total: 42 });

  expect([store.size, store.total, store.liveCount]).toEqual([1, 42, 42]);
});
