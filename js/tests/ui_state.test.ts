import { expect, test, vi } from "vitest";
import { UiState } from "../src/ui_state.ts";

test("what changes is told once, and the rest stays", () => {
  const ui = new UiState();
  const told = vi.fn();
  ui.changes.listen(told);

  ui.set({ collapsed: true });
  ui.choose({ query: "x" });

  expect(ui.now).toMatchObject({ collapsed: true, open: null, choice: { query: "x", sort: null } });
  expect(told).toHaveBeenCalledTimes(2);
});

test("a line opens and closes, and its question goes", () => {
  const ui = new UiState();
  ui.set({ asking: { key: "a", verb: "cancel", ids: ["a"] } });

  ui.toggleOpen("a");
  expect([ui.now.open, ui.now.asking]).toEqual(["a", null]);
  ui.toggleOpen("a");

  expect(ui.now.open).toBeNull();
});

test("what became of clicks is kept by job, and forgotten", () => {
  const ui = new UiState();
  const before = ui.now.acts;

  ui.setActs(["a", "b"], { verb: "retry", phase: "sent" });
  ui.setActs(["a"], null);

  expect([...ui.now.acts.keys()]).toEqual(["b"]);
  expect(before.size).toBe(0);
});
