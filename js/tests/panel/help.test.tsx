import { afterEach, expect, test } from "vitest";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

test("? shows the keys, Escape puts them away and gives the keyboard back", async () => {
  panel = await mount([rowOf({ id: "a" })]);
  const row = panel.all("row")[0] as HTMLElement;
  row.focus();

  await panel.press("?");
  const sheet = panel.el.querySelector("dl[aria-label=Keys]");
  expect(document.activeElement).toBe(sheet);
  expect(sheet?.textContent).toContain("search");
  await panel.press("Escape");

  expect(panel.el.querySelector("dl[aria-label=Keys]")).toBeNull();
  expect((document.activeElement as HTMLElement).dataset.key).toBe("a");
});
