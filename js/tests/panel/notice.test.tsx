import { afterEach, expect, test } from "vitest";
import reconnecting from "../../../tests/wire/panel-reconnecting.json";
import refused from "../../../tests/wire/panel-refused.json";
import running from "../../../tests/wire/panel-running.json";
import silent from "../../../tests/wire/panel-silent.json";
import type { Connection, ToKernel } from "../../src/types.ts";
import type { Recorded } from "../fake_model.ts";
import { mount, type Mounted } from "../mount.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

async function show(recorded: unknown, changes: Partial<Connection> = {}): Promise<void> {
  const changed = structuredClone(recorded) as Recorded;
  for (const message of changed.messages)
    if (message.type === "snapshot") Object.assign(message.connection, changes);
  panel = await mount(changed);
}
const notice = (): string =>
  (panel.el.querySelector(".jj-notice")?.textContent ?? "").replace(/\s+/g, " ");

test("while all is well there is none", async () => {
  await show(running);

  expect(panel.el.querySelector(".jj-notice")).toBeNull();
});

test("reconnecting, it counts down, and says what is shown and that jobs go on", async () => {
  await show(reconnecting, { detail: "no route to the host" });
  expect(notice()).toMatch(/^The connection is lost\. Next try in 8 s\. Showing what was known at/);
  expect(notice()).toContain("Jobs go on running.No route to the host.");

  await panel.pass(3000);

  expect(notice()).toContain("Next try in 5 s.");
});

test("Try now asks at once, and says so", async () => {
  await show(reconnecting);

  await panel.click(panel.one("button", "Try now"));

  expect(panel.model.sent.filter(({ type }) => type === "action").at(-1)).toMatchObject({
    action: "reconnect",
    jobs: [],
  });
  expect(panel.one("button", "Trying…")).toHaveProperty("disabled", true);
});

test("a sign-in that is refused again says so, and what is to be typed looks like it", async () => {
  const detail = "a.example.org says no; run monitor.reconnect() or monitor.reconnect(auth=…)";
  await show(refused, { detail });
  expect(notice()).toMatch(/^Sign-in is needed\. Showing what was known at/);
  const typed = [...panel.el.querySelectorAll(".jj-reason code")].map((code) => code.textContent);
  expect(typed).toEqual(["monitor.reconnect()", "monitor.reconnect(auth=…)"]);

  await panel.click(panel.one("button", "Reconnect"));
  const { page, actionId } = panel.model.sent
    .filter(({ type }) => type === "action")
    .at(-1) as ToKernel & { type: "action" };
  panel.model.say({ type: "reply", page, actionId, ok: true, data: {} });
  await panel.pass(3000);

  expect(notice()).toContain("Refused again.");
  expect(panel.one("button", "Reconnect")).toHaveProperty("disabled", false);
});

test("a refusal is told though the panel had shown meanwhile that it connects", async () => {
  await show(refused);
  await panel.click(panel.one("button", "Reconnect"));
  const { page, actionId } = panel.model.sent
    .filter(({ type }) => type === "action")
    .at(-1) as ToKernel & { type: "action" };
  panel.model.say({ type: "reply", page, actionId, ok: true, data: {} });
  const connection = { detail: "", retryAt: null, attempt: 1, asOf: 0 };
  const tries = { ...connection, state: "reconnecting" as const };
  panel.model.say({ type: "patch", seq: 2, connection: tries });
  await panel.pass(100);
  expect(notice()).toContain("Trying now.");
  const refusedAgain = { ...connection, state: "auth_failed" as const };
  panel.model.say({ type: "patch", seq: 3, connection: refusedAgain });
  await panel.pass(3000);

  expect(notice()).toContain("Refused again.");
});

test("a busy kernel is named, with what waits for it", async () => {
  await show(running);

  await panel.click(panel.one("button", "Cancel train"));
  await panel.click(panel.one("button", "Cancel job"));
  await panel.pass(400);

  expect(notice()).toBe("The kernel is busy with a cell. Waiting: cancel train.");
});

test("each state that is not live has its own sentence", async () => {
  await show(reconnecting, { state: "stale", detail: "" });
  expect(notice()).toMatch(/^Nothing was heard for a while\. Showing what was known at/);
  panel.unmount();
  await show(reconnecting, { state: "closed" });
  expect(notice()).toMatch(/^This monitor was closed\. .* run:JobMonitor\(\)/);
  panel.unmount();
  await show(silent);
  await panel.pass(4000);

  expect(notice()).toMatch(/^The kernel is busy, was restarted, or is gone\..*run:JobMonitor\(\)/);
});

test("live, it says what is lacking all the same", async () => {
  await show(running, { detail: "this API has no listJobs" });

  expect(notice()).toBe("This API has no listJobs.");
});
