import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ToKernel } from "../../src/types.ts";
import { recordedOf } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

type Acted = ToKernel & { type: "action" };

let panel: Mounted;
afterEach(() => panel.unmount());

const sent = (): Acted[] =>
  panel.model.sent.filter(
    (message): message is Acted => message.type === "action" && message.action !== "details",
  );
const firstRow = (): string => panel.all("row")[0]?.textContent ?? "";
const answer = async (data: {
  done?: string[];
  refused?: Record<string, string>;
}): Promise<void> => {
  const { actionId, page } = sent()[0] as Acted;
  panel.model.say({
    type: "reply",
    actionId,
    page,
    ok: true,
    data: { done: [], refused: {}, ...data },
  });
  await panel.pass();
};

describe("a cancel", () => {
  beforeEach(async () => {
    panel = await mount([rowOf({ id: "a", name: "train", startedAt: 0 })]);
    await panel.click(panel.one("button", "Cancel train"));
  });
  const confirm = (): Promise<void> => panel.click(panel.one("button", "Cancel job"));

  test("asks in the row, with the keyboard on the answer, and sends nothing yet", () => {
    expect(firstRow()).toContain("Cancel train?");
    expect(document.activeElement).toBe(panel.one("button", "Cancel job"));
    expect(sent()).toEqual([]);
  });

  test("is taken back by Keep, which gives the keyboard to the row", async () => {
    await panel.click(panel.one("button", "Keep"));

    expect(sent()).toEqual([]);
    expect(panel.all("button", "Cancel train")).toHaveLength(1);
    expect(document.activeElement).toBe(panel.all("row")[0]);
  });

  test("is said to be sent at once, and to wait when the kernel is busy", async () => {
    await confirm();
    expect(sent()).toMatchObject([{ action: "cancel", jobs: ["a"] }]);
    expect(firstRow()).toContain("cancelling…");
    await panel.pass(400);

    expect(firstRow()).toContain("waiting to cancel: kernel is busy");
    expect(panel.text()).toContain("kernel busy · 1 click waits");
    expect(panel.all("button", "Cancel train")).toEqual([]);
  });

  test("that is refused says why in the row, and may be asked for again", async () => {
    await confirm();

    await answer({ refused: { a: "The job is over." } });

    expect(firstRow()).toContain("not cancelled: The job is over.");
    expect(panel.all("button", "Cancel train")).toHaveLength(1);
  });

  test("that was done leaves the word to the job's own state", async () => {
    await confirm();
    await answer({ done: ["a"] });

    panel.model.say({ type: "patch", seq: 2, jobs: { a: { status: "CANCELLED", finishedAt: 9 } } });
    await panel.pass();

    expect(firstRow()).toContain("cancelled");
    expect(panel.all("button", "Cancel train")).toEqual([]);
  });
});

describe("a retry", () => {
  test.each(["FAILED", "TIMED_OUT", "LOST", "CANCELLED"] as const)(
    "of a job that is %s is sent without a question",
    async (status) => {
      panel = await mount([rowOf({ id: "a", name: "train", status })]);

      await panel.click(panel.one("button", "Retry train"));

      expect(sent()).toMatchObject([{ action: "retry", jobs: ["a"] }]);
      expect(firstRow()).toContain("retrying…");
    },
  );

  test("is not offered for a job that succeeded", async () => {
    panel = await mount([rowOf({ id: "a", name: "train", status: "SUCCEEDED" })]);

    expect(panel.all("button", /^(Retry|Cancel)/)).toEqual([]);
  });

  test("of failures of one kind is one click and one message, and their line tells of it", async () => {
    const failed = { status: "FAILED", failure: "ValueError: bad day …" } as const;
    panel = await mount(["a", "b", "c"].map((id) => rowOf({ id, ...failed })));

    await panel.click(panel.one("button", "Retry these 3"));
    expect(sent()).toMatchObject([{ action: "retry", jobs: ["a", "b", "c"] }]);
    expect(firstRow()).toContain("3 retrying…");
    await answer({ refused: { a: "No.", b: "No.", c: "No." } });

    expect(firstRow()).toContain("3 not retried: No.");
  });
});

test("what the API cannot do is not offered", async () => {
  const recorded = recordedOf([rowOf({ id: "a", name: "train" })]);
  for (const said of recorded.messages) if (said.type === "snapshot") said.actions = ["details"];

  panel = await mount(recorded);

  expect(panel.all("button", "Cancel train")).toEqual([]);
});
