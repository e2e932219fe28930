import { afterEach, expect, test } from "vitest";
import failures from "../../../tests/wire/panel-failures.json";
import type { ToKernel } from "../../src/types.ts";
import type { Recorded } from "../fake_model.ts";
import { NOW, recordedOf } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

const failure = "ValueError: bad day …";
const failed = (id: string, finishedAt: number, status: "FAILED" | "LOST" = "FAILED") =>
  rowOf({ ...{ id, name: `clean ${id}`, status, failure, finishedAt }, error: `bad day '${id}'` });

async function opened(): Promise<void> {
  const line = panel.all("row").find((row) => row.textContent?.includes("×")) as HTMLElement;
  await panel.click(line.querySelector(".jj-line") as HTMLElement);
}
const card = (): HTMLElement =>
  panel.one("tablist", /^Details of/).closest(".jj-pane") as HTMLElement;

test("jobs that failed alike have one card, about the newest of them", async () => {
  panel = await mount([failed("a", NOW - 2000), failed("b", NOW - 1000)]);

  await opened();

  expect(panel.all("tablist", "Details of clean b")).toHaveLength(1);
  expect(panel.all("tab").map((tab) => tab.textContent)).toEqual(["One of them", "Its full log"]);
});

test("it stays about the same job while newer ones fail, and takes another one when that was retried", async () => {
  panel = await mount([failed("a", NOW - 2000), failed("b", NOW - 1000)]);
  await opened();

  panel.model.say({ type: "patch", seq: 2, jobs: { a: { finishedAt: NOW } } });
  await panel.pass();
  expect(panel.all("tablist", "Details of clean b")).toHaveLength(1);
  panel.model.say({ type: "patch", seq: 3, jobs: { b: { status: "QUEUED", failure: null } } });
  panel.model.say({ type: "patch", seq: 4, jobs: {}, gone: [] });
  await panel.pass();

  expect(panel.all("tablist", "Details of clean b")).toEqual([]);
});

test("it shows the call, the reader's own frames and the last words, and retries only this one", async () => {
  panel = await mount(failures as unknown as Recorded);
  const line = panel.all("row").find((row) => row.textContent?.includes("37 ×")) as HTMLElement;
  await panel.click(line.querySelector(".jj-line") as HTMLElement);

  const { sent } = panel.model;
  const asked = sent.find(
    (message): message is ToKernel & { type: "action" } => message.type === "action",
  );
  expect(asked).toMatchObject({ action: "details" });
  await panel.click(panel.one("button", "Retry this one"));

  expect(sent.at(-1)).toMatchObject({ action: "retry", jobs: asked?.jobs });
});

test("what was lost is not called the reader's fault", async () => {
  panel = await mount(
    recordedOf([failed("a", NOW - 2000, "LOST"), failed("b", NOW - 1000, "LOST")]),
  );

  await opened();

  expect(card().textContent).toContain("The platform lost it: not your code.");
});
