import { afterEach, beforeEach, expect, test } from "vitest";
import type { ToKernel } from "../../src/types.ts";
import { recordedOf } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

type Act = ToKernel & { type: "action" };

let panel: Mounted;
beforeEach(async () => {
  panel = await mount([rowOf({ id: "a", name: "train" })]);
  panel.all("row")[0]?.focus();
  await panel.press("n");
});
afterEach(() => panel.unmount());

const form = (): HTMLFormElement | null => panel.el.querySelector("form");
const field = (name: string): HTMLInputElement =>
  form()?.elements.namedItem(name) as HTMLInputElement;
const said = (): string | null | undefined => form()?.querySelector("[role=status]")?.textContent;
const asked = (): Act[] =>
  panel.model.sent.filter(
    (message): message is Act => message.type === "action" && message.action === "submit",
  );

async function write(name: string, value: string): Promise<void> {
  field(name).value = value;
  field(name).dispatchEvent(new Event("input", { bubbles: true }));
  await panel.pass();
}

async function answer(reply: { ok: true; data: unknown } | { ok: false; error: string }) {
  const { actionId, page } = asked().at(-1) as Act;
  panel.model.say({ type: "reply", actionId, page, ...reply });
  await panel.pass();
}

test("N opens it with the keyboard in it, Escape closes it and gives the keyboard back", async () => {
  expect(document.activeElement).toBe(field("request"));

  await panel.press("Escape");

  expect(form()).toBeNull();
  expect((document.activeElement as HTMLElement).dataset.key).toBe("a");
});

test("it suggests what can be submitted", () => {
  const options = [...(form()?.querySelectorAll("datalist option") ?? [])];

  expect(options.map((option) => option.getAttribute("value"))).toEqual([
    "Clean data",
    "Process data",
  ]);
  expect(field("request").getAttribute("list")).toBe(form()?.querySelector("datalist")?.id);
});

test("it submits what is written, and closes when that is done", async () => {
  await write("request", " Clean data ");
  field("priority").value = "HIGH";
  await write("params", '{"day": 3}');

  await panel.click(panel.one("button", "Submit"));
  expect(asked().map(({ jobs, job }) => [jobs, job])).toEqual([
    [[], { request: "Clean data", priority: "HIGH", params: { day: 3 } }],
  ]);
  expect(said()).toBe("Submitting…");
  await answer({ ok: true, data: { id: "b" } });

  expect(form()).toBeNull();
});

test("without parameters there are none, and the priority is the middle one", async () => {
  await write("request", "Clean data");
  await write("params", " \n");

  await panel.click(panel.one("button", "Submit"));

  expect(asked()[0]?.job).toEqual({ request: "Clean data", priority: "MEDIUM", params: null });
});

test("Ctrl+Enter submits, and the notebook does not hear of it", async () => {
  await write("request", "Clean data");
  const event = new KeyboardEvent("keydown", {
    ...{ key: "Enter", ctrlKey: true, bubbles: true, cancelable: true },
  });
  let heard = false;
  panel.el.addEventListener("keydown", () => (heard = true));

  field("params").dispatchEvent(event);
  await panel.pass();

  expect(asked()).toHaveLength(1);
  expect([heard, event.defaultPrevented]).toEqual([false, true]);
});

test("parameters are checked while they are typed", async () => {
  await write("request", "Clean data");
  await write("params", '{"day": 3,\n day: 4}');
  expect(said()).toMatch(/JSON/);

  await panel.click(panel.one("button", "Submit"));
  expect(asked()).toEqual([]);
  await write("params", "{}");

  expect(said()).toBe("");
});

test("a job needs a name", async () => {
  await panel.click(panel.one("button", "Submit"));

  expect(said()).toBe("Name what is to be done.");
  expect(asked()).toEqual([]);
});

test("a busy kernel is said, and a second click does nothing", async () => {
  await write("request", "Clean data");
  await panel.click(panel.one("button", "Submit"));

  await panel.pass(400);
  await panel.press("Enter", panel.one("button", "Submit"));
  panel.one("button", "Submit").click();

  expect(said()).toBe("Waiting: the kernel is busy.");
  expect(asked()).toHaveLength(1);
});

test("what is refused stands in the form, which stays as it is", async () => {
  await write("request", "Clean dat");
  await panel.click(panel.one("button", "Submit"));

  await answer({ ok: false, error: "No handler for it. Known: Clean data." });

  expect(said()).toBe("No handler for it. Known: Clean data.");
  expect(field("request").value).toBe("Clean dat");
  await panel.click(panel.one("button", "Submit"));
  expect(asked()).toHaveLength(2);
});

test("the button of the header opens and closes it, unless the API cannot submit", async () => {
  await panel.press("Escape");
  await panel.click(panel.one("button", "New job"));
  expect(form()).toBeTruthy();
  await panel.click(panel.one("button", "New job"));
  expect(form()).toBeNull();

  panel.unmount();
  const recorded = recordedOf([rowOf({ id: "a" })]);
  for (const message of recorded.messages)
    if (message.type === "snapshot") message.actions = ["cancel"];
  panel = await mount(recorded);
  panel.all("row")[0]?.focus();
  await panel.press("n");

  expect(panel.all("button", "New job")).toEqual([]);
  expect(form()).toBeNull();
});
