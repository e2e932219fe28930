import { describe, expect, test } from "vitest";
import { ALL, matches, type Choice } from "../src/choice.ts";
import type { Row, Status } from "../src/types.ts";
import { rowOf } from "./rows.ts";

const fits = (row: Partial<Row>, choice: Partial<Choice>): boolean =>
  matches(rowOf(row), { ...ALL, ...choice });

describe("a job matches", () => {
  test("anything, when nothing was chosen", () => {
    expect(fits({}, {})).toBe(true);
    expect(fits({}, { query: "  " })).toBe(true);
  });

  test("by its state", () => {
    const statuses = new Set<Status>(["FAILED", "LOST"]);

    expect(fits({ status: "LOST" }, { statuses })).toBe(true);
    expect(fits({ status: "RUNNING" }, { statuses })).toBe(false);
  });

  test.each<Partial<Row>>([
    { name: "Train Net" },
    { id: "job-train" },
    { message: "retraining" },
    { error: "ValueError: no TRAIN" },
    { request: "train" },
    { tags: ["x", "trainee"] },
  ])("a word in %o, in any case", (row) => {
    expect(fits(row, { query: "tRaIn" })).toBe(true);
    expect(fits(row, { query: "tests" })).toBe(false);
  });

  test("when every word is somewhere in it, and never one across two fields", () => {
    const row = { name: "sweep a", message: "loss 0.2", tags: ["night"] };

    expect(fits(row, { query: "night swe" })).toBe(true);
    expect(fits(row, { query: "night day" })).toBe(false);
    expect(fits(row, { query: "aloss" })).toBe(false);
  });
});
