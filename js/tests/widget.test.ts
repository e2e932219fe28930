import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import widget from "../src/widget.tsx";
import { replay, type FakeModel } from "./fake_model.ts";
import { manyRows, NOW, recordedOf } from "./many.ts";

let model: FakeModel;
let parts: ReturnType<typeof widget>;
let close: () => void;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  model = replay(recordedOf(manyRows(4)));
  parts = widget();
  close = parts.initialize({
    model: model as unknown as Parameters<typeof parts.initialize>[0]["model"],
  });
});
afterEach(async () => {
  await vi.advanceTimersByTimeAsync(4000);
  vi.useRealTimers();
});

const view = (): [HTMLElement, () => void] => {
  const el = document.createElement("div");
  document.body.append(el);
  const leave = parts.render({ el });
  return [
    el,
    () => {
      leave();
      el.remove();
    },
  ];
};

test("two views of one model show the same, and are one page for the kernel", async () => {
  const [one, leaveOne] = view();
  const [two, leaveTwo] = view();
  await vi.advanceTimersByTimeAsync(200);

  expect(one.querySelectorAll("[role=row]").length).toBe(4);
  expect(two.textContent).toBe(one.textContent);
  leaveOne();
  leaveTwo();
  expect(model.sent.map((message) => message.type)).toEqual(["hello", "bye"]);
});

test("what a view has open is its own", async () => {
  const [one] = view();
  const [two] = view();
  await vi.advanceTimersByTimeAsync(200);

  one.querySelector<HTMLElement>(".jj-header [aria-expanded]")?.click();
  await vi.advanceTimersByTimeAsync(200);

  expect(one.querySelector("[role=treegrid]")).toBeNull();
  expect(two.querySelector("[role=treegrid]")).not.toBeNull();
});

test("leaving and closing undo all that was done", async () => {
  const [el, leave] = view();
  await vi.advanceTimersByTimeAsync(200);

  leave();
  close();
  await vi.advanceTimersByTimeAsync(200);

  expect(el.childNodes).toHaveLength(0);
  expect(model.listening).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("before a view exists the kernel is not spoken to", () => {
  expect(model.sent).toEqual([]);
});

describe("a view that follows on one that went", () => {
  const isOpen = (el: HTMLElement): boolean => el.querySelector("[role=treegrid]") !== null;
  const collapse = async (el: HTMLElement): Promise<void> => {
    await vi.advanceTimersByTimeAsync(200);
    el.querySelector<HTMLElement>(".jj-header [aria-expanded]")?.click();
    await vi.advanceTimersByTimeAsync(200);
  };

  test("shows what that one showed", async () => {
    const [one, leave] = view();
    await collapse(one);
    expect(isOpen(one)).toBe(false);

    leave();
    await vi.advanceTimersByTimeAsync(2900);
    const [two] = view();
    const [three] = view();
    await vi.advanceTimersByTimeAsync(200);

    expect([isOpen(two), isOpen(three)]).toEqual([false, true]);
  });

  test("shows it also where the host never told the other to go", async () => {
    const [one] = view();
    await collapse(one);

    one.remove();
    await vi.advanceTimersByTimeAsync(2900);
    const [two] = view();
    await vi.advanceTimersByTimeAsync(200);

    expect(isOpen(two)).toBe(false);
  });
});
