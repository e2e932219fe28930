import { h, render } from "../src/dom.ts";
import { describe, expect, test } from "vitest";
import { actWords, COLUMNS, type CellProps } from "../src/columns.tsx";
import { STATUSES } from "../src/format.ts";
import { STATES } from "../src/states.tsx";
import type { Row, Status } from "../src/types.ts";
import type { ActState } from "../src/ui_state.ts";
import { rowOf } from "./rows.ts";

function textOf(key: string, row: Partial<Row>, more: Partial<CellProps> = {}): string {
  const Cell = COLUMNS.find((column) => column.key === key)?.Cell as (props: CellProps) => never;
  const el = document.createElement("div");
  const what = row.name ?? "";
  render(
    <Cell row={rowOf(row)} what={what} now={0} frozen={false} act={undefined} {...more} />,
    el,
  );
  return el.textContent ?? "";
}

test.each(STATUSES)("%s has a word of its own where there is nothing more to say", (status) => {
  expect(textOf("work", { status })).toContain(STATES[status].word);
});

describe("the words of a row", () => {
  test.each<[Partial<Row> & { status: Status }, string]>([
    [{ status: "FAILED", error: "ValueError:\n bad day" }, "ValueError: bad day"],
    [{ status: "FAILED", message: "parsing" }, "parsing"],
    [{ status: "TIMED_OUT", error: "no end" }, "timed out · no end"],
    [{ status: "LOST", error: "no answer" }, "lost · no answer"],
    [{ status: "CANCELLING", message: "stopping" }, "cancelling · stopping"],
    [{ status: "QUEUED", priority: "HIGH" }, "queued · high priority"],
    [{ status: "QUEUED", priority: "LOW", message: "waits" }, "queued · waits"],
    [{ status: "SUCCEEDED", message: "\x1b[32m12 rows\x1b[0m" }, "succeeded · 12 rows"],
    [{ status: "RUNNING", done: 12, message: "reading" }, "reading · 12"],
  ])("%o are %s", (row, words) => {
    expect(textOf("work", row)).toBe(words);
  });

  test("a click on Cancel outweighs the job's own, until the job has ended", () => {
    const act = { verb: "cancel", phase: "sent" } as const;

    expect(textOf("work", { status: "RUNNING", message: "reading" }, { act })).toBe("cancelling…");
    expect(textOf("work", { status: "SUCCEEDED" }, { act })).toBe("succeeded");
  });
});

describe("a line of long work", () => {
  const slow = [60_000, "usually 50s to 70s"] as const;

  test("says that it is slow once it is", () => {
    const row = { slow, message: "epoch 3" };

    expect(textOf("work", row, { now: 59_000 })).toBe("epoch 3");
    expect(textOf("work", row, { now: 60_000 })).toBe("slow: usually 50s to 70s · epoch 3");
  });

  test("draws its number between the bar and the words", () => {
    const metric = ["loss 0.21", "0,13 48,1"] as const;

    expect(textOf("work", { metric, progress: 0.5, message: "epoch 3" })).toBe(
      "50%loss 0.21epoch 3",
    );
    expect(textOf("work", { metric, status: "SUCCEEDED" })).toBe("loss 0.21succeeded");
  });

  test("says since when it is there when it was submitted again", () => {
    const row = { attached: true, createdAt: 0, message: "epoch 3" } as const;

    expect(textOf("work", row, { now: 120_000 })).toBe("already submitted 2m ago · epoch 3");
  });

  test("shows what came of running it again, whatever its state", () => {
    const act = { verb: "again", phase: "refused", why: "No." } as const;

    expect(textOf("work", { status: "SUCCEEDED" }, { act })).toBe("not run again: No.");
  });
});

describe("the name", () => {
  test("has tags beside it, and which attempt this is", () => {
    const row = { name: "train", tags: ["gpu", "night"], attempt: 2 };

    expect(textOf("name", row)).toBe("trainattempt 2gpunight");
    expect(textOf("name", { ...row, tags: null, attempt: 1 })).toBe("train");
  });
});

test.each<[ActState, number, string]>([
  [{ verb: "cancel", phase: "sent" }, 1, "cancelling…"],
  [{ verb: "retry", phase: "sent" }, 1200, "1,200 retrying…"],
  [{ verb: "cancel", phase: "waiting" }, 1, "waiting to cancel: kernel is busy"],
  [{ verb: "retry", phase: "waiting" }, 37, "37 waiting to retry: kernel is busy"],
  [{ verb: "retry", phase: "refused", why: "No." }, 1, "not retried: No."],
  [{ verb: "again", phase: "sent" }, 1, "submitting…"],
  [{ verb: "again", phase: "waiting" }, 1, "waiting to run: kernel is busy"],
  [{ verb: "cancel", phase: "refused", why: "No." }, 2, "2 not cancelled: No."],
])("what came of %o for %i is said as %s", (act, count, words) => {
  expect(actWords(act, count)).toBe(words);
});

describe("the time", () => {
  const row = { startedAt: 0, endsAt: 180_000, status: "RUNNING" } as const;

  test("has what is left before what is spent", () => {
    expect(textOf("time", row, { now: 60_000 })).toBe("2m left1m00s");
  });

  test("says nothing of an end that is past, or of a job that is over", () => {
    expect(textOf("time", row, { now: 200_000 })).toBe("3m20s");
    expect(textOf("time", { ...row, status: "CANCELLING" }, { now: 60_000 })).toBe("1m00s");
  });

  test("promises nothing from what may be old", () => {
    expect(textOf("time", row, { now: 60_000, frozen: true })).toBe("1m00s");
  });
});
