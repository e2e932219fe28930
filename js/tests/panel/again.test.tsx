import { afterEach, expect, test } from "vitest";
import type { Row, ToKernel } from "../../src/types.ts";
import { NOW } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

const attached = (more: Partial<Row> = {}): Row =>
  rowOf({ id: "a", name: "train", attached: true, createdAt: NOW - 120_000, ...more });
const asked = (): unknown[] =>
  panel.model.sent.flatMap((message: ToKernel) =>
    message.type === "action" ? [[message.action, message.jobs]] : [],
  );

test("a job that was there already is run again when a reader asks for it", async () => {
  panel = await mount([attached({ startedAt: NOW })]);
  expect(panel.all("row")[0]?.textContent).toContain("already submitted 2m ago");

  await panel.click(panel.one("button", "Run again anyway"));

  expect(asked()).toEqual([["again", ["a"]]]);
  expect(panel.all("row")[0]?.textContent).toContain("submitting…");
});

test("that is offered also when the job is over, and not when the kernel takes it back", async () => {
  panel = await mount([attached({ status: "SUCCEEDED", startedAt: NOW, finishedAt: NOW })]);
  expect(panel.all("row")[0]?.textContent).toContain("already submitted 2m ago · succeeded");

  panel.model.say({ type: "patch", seq: 2, jobs: { a: { attached: null } } });
  await panel.pass();

  expect(panel.all("button", "Run again anyway")).toEqual([]);
  expect(panel.all("row")[0]?.textContent).not.toContain("already");
});
