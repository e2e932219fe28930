import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { manyRows } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
beforeEach(async () => {
  panel = await mount(
    ["a", "b", "c"].map((id, index) => rowOf({ id, name: `job ${id}`, startedAt: index })),
  );
  panel.all("row")[0]?.focus();
  await panel.pass();
});
afterEach(() => panel.unmount());

const focused = (): string | undefined => (document.activeElement as HTMLElement).dataset.id;

test("Tab reaches one row", () => {
  expect(panel.all("row").map((row) => row.tabIndex)).toEqual([0, -1, -1]);
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
  expect(panel.all("row").map((row) => row.tabIndex)).toEqual([0, -1, -1]);
});

test("End in a long list brings the last row into the page and to the keyboard", async () => {
  panel.unmount();
  panel = await mount(manyRows(10_000));
  panel.all("row")[0]?.focus();
  await panel.pass();

  await panel.press("End");

  expect(panel.all("row").at(-1)?.getAttribute("aria-rowindex")).toBe("10000");
  expect(document.activeElement?.getAttribute("aria-rowindex")).toBe("10000");
});

test("Enter opens and closes, Escape closes and keeps the row", async () => {
  await panel.press("Enter");
  expect(panel.all("row")[0]?.getAttribute("aria-expanded")).toBe("true");
  await panel.press("Enter");
  expect(panel.all("row")[0]?.getAttribute("aria-expanded")).toBe("false");
  await panel.press("Enter");
  await panel.press("Escape");

  expect(panel.all("row")[0]?.getAttribute("aria-expanded")).toBe("false");
  expect(focused()).toBe("a");
});

test("X asks, Escape takes it back", async () => {
  await panel.press("X");
  expect(document.activeElement).toBe(panel.one("button", "Cancel job"));
  await panel.press("Escape");

  expect(panel.all("button", "Cancel job")).toEqual([]);
  expect(focused()).toBe("a");
});

test("C copies the id", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal("navigator", { clipboard: { writeText } });

  await panel.press("c");

  expect(writeText).toHaveBeenCalledWith("a");
  vi.unstubAllGlobals();
});

test("a key goes no further when it did something, and only then", async () => {
  const outside = vi.fn();
  panel.el.addEventListener("keydown", outside);

  const handled = await panel.press("ArrowDown");
  expect([outside.mock.calls.length, handled.defaultPrevented]).toEqual([0, true]);
  await panel.press("Escape"); // nothing is open
  await panel.press("s");
  const ctrl = new KeyboardEvent("keydown", { key: "c", ctrlKey: true, bubbles: true });
  document.activeElement?.dispatchEvent(ctrl);

  expect(outside).toHaveBeenCalledTimes(3);
});

test("the keyboard stays in the list when its row goes out of the page", async () => {
  panel.unmount();
  panel = await mount(manyRows(10_000));
  panel.all("row")[0]?.focus();
  await panel.pass();
  const grid = panel.one("grid");

  grid.scrollTop = 32 * 5000;
  grid.dispatchEvent(new Event("scroll"));
  await panel.pass();

  expect(document.activeElement).toBe(grid);
});
