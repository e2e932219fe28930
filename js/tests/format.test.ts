import { describe, expect, test } from "vitest";
import * as format from "../src/format.ts";
import { rowOf } from "./rows.ts";

test.each([
  [0, "0"],
  [0.25, "0.25"],
  [7, "7"],
  [999, "999"],
  [999.6, "1k"],
  [5800, "5.8k"],
  [10_000, "10k"],
  [12_345, "12k"],
  [999_499, "999k"],
  [999_500, "1M"],
  [1_250_000, "1.3M"],
  [2_000_000_000, "2B"],
])("%d is shown as %s", (value, shown) => {
  expect(format.compact(value)).toBe(shown);
});

test.each([
  [0, "0"],
  [999, "999"],
  [4310, "4,310"],
  [1_234_567, "1,234,567"],
])("%d is grouped as %s", (value, shown) => {
  expect(format.grouped(value)).toBe(shown);
});

test.each([
  [0, "0s"],
  [41_900, "41s"],
  [192_000, "3m12s"],
  [3_599_999, "59m59s"],
  [7_500_000, "2h05m"],
  [273_600_000, "3d04h"],
  [-5, "0s"],
])("%d ms last %s", (ms, shown) => {
  expect(format.duration(ms)).toBe(shown);
});

test("a short finished job shows tenths, a long one does not", () => {
  expect([
    format.duration(840, true),
    format.duration(9949, true),
    format.duration(9950, true),
  ]).toEqual(["0.8s", "9.9s", "9s"]);
});

describe("progress", () => {
  test.each([
    [0.58, 58],
    [0.29, 29],
    [0.999, 99],
    [1, 100],
  ])("%d is %d percent", (part, whole) => {
    expect(format.percent(part)).toBe(whole);
  });

  test("steps stand in for a progress that is not told", () => {
    expect(format.fraction(rowOf({ done: 1, total: 4 }))).toBe(0.25);
  });

  test.each([
    [{ progress: 1.7 }, 1],
    [{ progress: -1 }, 0],
    [{ progress: NaN }, null],
    [{ done: 3, total: 0 }, null],
    [{}, null],
  ])("%o is %s", (told, part) => {
    expect(format.fraction(rowOf(told))).toBe(part);
  });

  test("steps without an end are counted all the same", () => {
    expect(format.steps(rowOf({ done: 5800 }))).toBe("5.8k");
  });
});

describe("time", () => {
  test("a waiting job counts from its submit, a running one from its start, a finished one stands", () => {
    const times = { createdAt: 0, startedAt: 10_000, finishedAt: 25_000 };

    expect(format.elapsed(rowOf({ ...times, status: "QUEUED" }), 30_000)).toBe(30_000);
    expect(format.elapsed(rowOf({ ...times, status: "RUNNING" }), 30_000)).toBe(20_000);
    expect(format.elapsed(rowOf({ ...times, status: "FAILED" }), 30_000)).toBe(15_000);
  });

  test("a job that never started took no time", () => {
    expect(format.elapsed(rowOf({ status: "CANCELLED", finishedAt: 5 }), 9)).toBeNull();
  });

  test("a clock that is behind never shows less than nothing", () => {
    expect(format.elapsed(rowOf({ status: "RUNNING", startedAt: 900 }), 100)).toBe(0);
  });

  test.each([
    [1200, "5s"],
    [41_000, "45s"],
    [58_000, "1m"],
    [130_000, "2m"],
    [4_300_000, "1h10m"],
    [7_200_000, "2h00m"],
    [200_000_000, "2d07h"],
  ])("%d ms are roughly %s", (ms, shown) => {
    expect(format.roughly(ms)).toBe(shown);
  });

  test("a moment of another day brings its date", () => {
    const at = new Date(2026, 10, 21, 14, 5, 10).getTime();
    const same = new Date(2026, 10, 21, 20).getTime();
    const next = new Date(2026, 10, 22, 9).getTime();

    expect(format.clockTime(at, same)).toBe("14:05:10");
    expect(format.clockTime(at, same, false)).toBe("14:05");
    expect(format.clockTime(at, next)).toBe("2026-11-21 14:05:10");
  });
});

describe("plain text", () => {
  test.each([
    ["\x1b[1;31mError\x1b[0m: bad", "Error: bad"],
    ["\x1b]8;;https://example.org\x07link\x1b]8;;\x07", "link"],
    ["\x1b]0;title\x1b\\text", "text"],
    ["10%\r50%\r100%", "100%"],
    ["10%\r50%\r", "50%"],
    ["one\r\ntwo\r\n", "one\ntwo\n"],
    ["a\x00b\x07c\td", "abc\td"],
    ["\x1b(Bplain", "plain"],
  ])("of %j is %j", (raw, shown) => {
    expect(format.plainText(raw)).toBe(shown);
  });

  test("a row has one line", () => {
    expect(format.oneLine("  two\n  lines\t\x1b[2K")).toBe("two lines");
  });
});

test("a job without a name is called by its request, else by its id", () => {
  expect(format.label({ id: "a", name: "n", request: "r" })).toBe("n");
  expect(format.label({ id: "a", name: null, request: "r" })).toBe("r");
  expect(format.label({ id: "a", name: null, request: null })).toBe("a");
});

describe("a text that is to be a JSON object", () => {
  test.each(["", " \n", "{}", '{"a": [1, {"b": null}]}', '\n{\n"a": "}",\n"b": "\\""\n}'])(
    "%j is right",
    (text) => {
      expect(format.objectTrouble(text)).toBe("");
    },
  );

  test.each(['{"a": }', '{"a": tru}', '{"a":', "{}}"])(
    "%j is told as the browser tells it",
    (text) => {
      expect(format.objectTrouble(text)).toMatch(/JSON/);
    },
  );

  test.each(["[1, 2]", '"a"', "3", "null"])("%j is JSON, and no object", (text) => {
    expect(format.objectTrouble(text)).toBe("This is no JSON object.");
  });
});
