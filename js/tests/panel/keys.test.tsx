import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { manyRows } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";
import type { Row } from "../../src/types.ts";

let panel: Mounted;
const start = async (rows: Row[]): Promise<void> => {
  panel?.unmount();
  panel = await mount(rows);
  line(0)?.focus();
  await panel.pass();
};
const lines = (): HTMLElement[] => [...panel.el.querySelectorAll<HTMLElement>("[data-key]")];
const line = (index: number): HTMLElement | undefined => lines()[index];
const focused = (): string | undefined => (document.activeElement as HTMLElement).dataset.key;
const search = (): HTMLInputElement => panel.el.querySelector("input") as HTMLInputElement;

beforeEach(() =>
  start(["a", "b", "c"].map((id, index) => rowOf({ id, name: `job ${id}`, startedAt: index }))),
);
afterEach(() => panel.unmount());

const failures = (count: number, more: Partial<Row> = {}): Row[] =>
  Array.from({ length: count }, (_, index) =>
    rowOf({ id: `f${index}`, name: `clean #${index}`, status: "FAILED", failure: "E: …", ...more }),
  );

test("Tab reaches one line", () => {
  expect(lines().map(({ tabIndex }) => tabIndex)).toEqual([0, -1, -1]);
});

test("a count with the keyboard stays when it comes to nothing, and goes with the keyboard", async () => {
  await start([rowOf({ id: "a", status: "QUEUED" })]);
  panel.one("button", "1 queued").focus();

  panel.model.say({ type: "patch", seq: 2, jobs: { a: { status: "RUNNING" } } });
  await panel.pass();

  expect(document.activeElement).toBe(panel.one("button", "0 queued"));
  (document.activeElement as HTMLElement).blur();
  panel.model.say({ type: "patch", seq: 3, jobs: { a: { message: "half" } } });
  panel.model.say({ type: "patch", seq: 4, jobs: { a: { status: "SUCCEEDED" } } });
  await panel.pass();
  expect(panel.counts()).toEqual(["1 succeeded"]);
});

test("arrows, Home and End move, and stop at the ends", async () => {
  await panel.press("ArrowDown");
  expect(focused()).toBe("b");
  await panel.press("End");
  await panel.press("ArrowDown");
  expect(focused()).toBe("c");
  await panel.press("Home");
  await panel.press("ArrowUp");

  expect(focused()).toBe("a");
  expect(lines().map(({ tabIndex }) => tabIndex)).toEqual([0, -1, -1]);
});

test("Page keys and End bring far lines of a long list to the keyboard", async () => {
  await start(manyRows(10_000).map((row) => ({ ...row, name: null, status: "RUNNING" })));
  const grouping = panel.el.querySelector("select") as HTMLSelectElement;
  grouping.value = "none";
  grouping.dispatchEvent(new Event("change", { bubbles: true }));
  await panel.pass();
  await panel.press("Home");
  await panel.press("PageDown");
  expect(document.activeElement?.getAttribute("aria-rowindex")).toBe("9"); // the titles are the first row

  await panel.press("End");

  expect(document.activeElement).toBe(lines().at(-1));
  expect(document.activeElement?.getAttribute("aria-rowindex")).toBe(
    panel.one("treegrid").getAttribute("aria-rowcount"),
  );
});

test("Enter opens and closes, Escape closes and keeps the line", async () => {
  const isOpen = (): string | null | undefined => line(0)?.getAttribute("aria-expanded");
  await panel.press("Enter");
  expect(isOpen()).toBe("true");
  await panel.press("Enter");
  expect(isOpen()).toBe("false");
  await panel.press("ArrowRight");
  expect(isOpen()).toBe("true");
  await panel.press("Escape");

  expect(isOpen()).toBe("false");
  expect(focused()).toBe("a");
});

test("right and left unfold and fold a group, and lead from a job to its group", async () => {
  await start(failures(3));
  expect(lines()).toHaveLength(1);

  await panel.press("ArrowRight");
  expect(lines()).toHaveLength(4);
  await panel.press("ArrowDown");
  await panel.press("ArrowDown");
  expect(line(2)).toBe(document.activeElement);
  expect(line(2)?.getAttribute("aria-level")).toBe("2");
  await panel.press("ArrowLeft");
  expect(line(0)).toBe(document.activeElement);
  await panel.press("ArrowLeft");

  expect(lines()).toHaveLength(1);
});

test("X asks, Escape takes it back", async () => {
  await panel.press("X");
  expect(document.activeElement).toBe(panel.one("button", "Cancel job"));
  await panel.press("Escape");

  expect(panel.all("button", "Cancel job")).toEqual([]);
  expect(focused()).toBe("a");
});

test("R retries what has failed, and only that", async () => {
  await panel.press("r");
  expect(panel.model.sent.some(({ type }) => type === "action")).toBe(false);
  await start(failures(2));
  await panel.press("r");

  expect(panel.model.sent.at(-1)).toMatchObject({ action: "retry", jobs: ["f0", "f1"] });
});

test("C copies the id", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal("navigator", { clipboard: { writeText } });

  await panel.press("c");

  expect(writeText).toHaveBeenCalledWith("a");
  vi.unstubAllGlobals();
});

test("L opens the log", async () => {
  await panel.press("l");

  expect(line(0)?.getAttribute("aria-expanded")).toBe("true");
  expect(panel.one("tab", "Log").getAttribute("aria-selected")).toBe("true");
});

test("/ goes to the search, where letters are letters and Escape leads back", async () => {
  await start(manyRows(20));
  await panel.press("/");
  expect(document.activeElement).toBe(search());
  const outside = vi.fn();
  panel.el.addEventListener("keydown", outside);
  const typed = await panel.press("f");
  expect([typed.defaultPrevented, outside.mock.calls.length]).toEqual([false, 0]);
  search().value = "#3";
  search().dispatchEvent(new Event("input", { bubbles: true }));
  await panel.pass();
  expect(lines()).toHaveLength(1);

  await panel.press("Escape");

  expect(search().value).toBe("");
  expect(focused()).toBeDefined();
});

test("F shows failures only, A all again", async () => {
  await start([
    ...failures(3),
    ...manyRows(20).map((row) => ({ ...row, status: "QUEUED" as const })),
  ]);
  await panel.press("f");
  expect(panel.text()).toContain("3 of 23");

  await panel.press("a");

  expect(panel.text()).toContain("23 jobs");
});

test("? explains the keys, and Escape closes that", async () => {
  await panel.press("?");
  expect(panel.text()).toContain("copy the id");
  await panel.press("Escape");

  expect(panel.text()).not.toContain("copy the id");
});

test("a key goes no further when it did something, and only then", async () => {
  const outside = vi.fn();
  panel.el.addEventListener("keydown", outside);

  const handled = await panel.press("ArrowDown");
  expect([outside.mock.calls.length, handled.defaultPrevented]).toEqual([0, true]);
  await panel.press("Escape"); // nothing is open
  await panel.press("s");
  await panel.press("/"); // there is no search
  for (const held of [
    { key: "c", ctrlKey: true },
    { key: "Enter", shiftKey: true },
  ])
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { ...held, bubbles: true }));

  expect(outside).toHaveBeenCalledTimes(5);
});

test("a button's own keys are the button's, not the notebook's", async () => {
  const outside = vi.fn();
  panel.el.addEventListener("keydown", outside);

  const pressed = await panel.press("Enter", panel.one("button", "3 running"));

  expect([outside.mock.calls.length, pressed.defaultPrevented]).toEqual([0, false]);
});

test("the keyboard stays in the list when its line goes out of the page", async () => {
  await start(manyRows(10_000));
  await panel.press("g");
  await panel.press("g");
  const list = panel.one("rowgroup");

  list.scrollTop = 32 * 5000;
  list.dispatchEvent(new Event("scroll"));
  await panel.pass();

  expect(document.activeElement).toBe(list);
});
