import { afterEach, expect, test } from "vitest";
import type { ToKernel } from "../../src/types.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

const train = rowOf({ id: "a", name: "train", startedAt: 0 });

const sentCancel = (): (ToKernel & { type: "action" }) | undefined =>
  panel.model.sent.find(
    (message): message is ToKernel & { type: "action" } =>
      message.type === "action" && message.action === "cancel",
  );

async function confirmed(): Promise<ToKernel & { type: "action" }> {
  panel = await mount([train]);
  await panel.click(panel.one("button", "Cancel train"));
  await panel.click(panel.one("button", "Cancel job"));
  return sentCancel() as ToKernel & { type: "action" };
}

test("a click asks in the row, and sends nothing yet", async () => {
  panel = await mount([train]);

  await panel.click(panel.one("button", "Cancel train"));

  expect(panel.all("row")[0]?.textContent).toContain("Cancel train?");
  expect(document.activeElement).toBe(panel.one("button", "Cancel job"));
  expect(sentCancel()).toBeUndefined();
});

test("Keep takes the question back", async () => {
  panel = await mount([train]);
  await panel.click(panel.one("button", "Cancel train"));

  await panel.click(panel.one("button", "Keep"));

  expect(sentCancel()).toBeUndefined();
  expect(panel.all("button", "Cancel train")).toHaveLength(1);
});

test("the page says at once that it was sent, and after a second that the kernel is busy", async () => {
  const sent = await confirmed();

  expect(sent.job).toBe("a");
  expect(panel.all("row")[0]?.textContent).toContain("cancelling…");
  expect(panel.all("row")[0]?.textContent).not.toContain("waiting");
  await panel.pass(1000);

  expect(panel.all("row")[0]?.textContent).toContain("waiting for the kernel");
});

test("a refusal is shown in the row, and one may ask again", async () => {
  const { actionId, page } = await confirmed();

  panel.model.say({ type: "reply", actionId, page, ok: false, error: "The job is over." });
  await panel.pass();

  expect(panel.all("row")[0]?.textContent).toContain("Not cancelled: The job is over.");
  expect(panel.all("button", "Cancel train")).toHaveLength(1);
});

test("after the answer the job's own state has the word", async () => {
  const { actionId, page } = await confirmed();
  panel.model.say({ type: "reply", actionId, page, ok: true, data: {} });
  await panel.pass(2000);
  expect(panel.all("row")[0]?.textContent).not.toContain("waiting");

  panel.model.say({ type: "patch", seq: 2, jobs: { a: { status: "CANCELLED", finishedAt: 9 } } });
  await panel.pass();

  expect(panel.all("row")[0]?.textContent).toContain("cancelled");
  expect(panel.all("button", "Cancel train")).toEqual([]);
});
