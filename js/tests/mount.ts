/** Puts the widget into the test's page, with a recorded panel and a clock that the test moves. */

import { vi } from "vitest";
import widget from "../src/widget.tsx";
import { replay, type FakeModel, type Recorded } from "./fake_model.ts";
import { NOW, recordedOf } from "./many.ts";
import type { Row } from "../src/types.ts";

export interface Mounted {
  el: HTMLElement;
  model: FakeModel;
  /** Let time go by, with all that is drawn meanwhile. */
  pass(ms?: number): Promise<void>;
  /** Elements by role, and by their label or text. */
  all(role: string, name?: string | RegExp): HTMLElement[];
  /** The only one of them. */
  one(role: string, name?: string | RegExp): HTMLElement;
  text(): string;
  /** How many jobs are in which state, as the header has it. */
  counts(): string[];
  press(key: string, on?: Element | null): Promise<KeyboardEvent>;
  click(element: HTMLElement): Promise<void>;
  unmount(): void;
}

const ROLES: Record<string, string> = { button: "button", region: "section", list: "ul" };

export async function mount(recorded: Recorded | Row[]): Promise<Mounted> {
  vi.useFakeTimers({ now: NOW });
  const model = replay(Array.isArray(recorded) ? recordedOf(recorded) : recorded);
  const el = document.body.appendChild(document.createElement("div"));
  const { initialize, render } = widget();
  const close = initialize({
    model: model as unknown as Parameters<typeof initialize>[0]["model"],
  });
  const leave = render({ el });
  const pass = async (ms = 150): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms);
  };
  await pass();

  const all = (role: string, name?: string | RegExp): HTMLElement[] =>
    [...el.querySelectorAll<HTMLElement>(`[role="${role}"], ${ROLES[role] ?? "none"}`)].filter(
      (found) => {
        const called = found.getAttribute("aria-label") ?? found.textContent ?? "";
        return (
          name === undefined || (typeof name === "string" ? called === name : name.test(called))
        );
      },
    );
  const one = (role: string, name?: string | RegExp): HTMLElement => {
    const found = all(role, name);
    if (found.length !== 1) throw new Error(`${found.length} of role ${role} called ${name}`);
    return found[0] as HTMLElement;
  };
  return {
    el,
    model,
    pass,
    all,
    one,
    text: () => (el.textContent ?? "").replace(/\s+/g, " "),
    counts: () =>
      [...one("group", "Show only").children].map((count) => count.getAttribute("title") ?? ""),
    press: async (key, on = document.activeElement) => {
      const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
      on?.dispatchEvent(event);
      await pass();
      return event;
    },
    click: async (element) => {
      element.click();
      await pass();
    },
    unmount: () => {
      leave();
      close();
      el.remove();
      delete (globalThis as { jupyterJobsLeft?: unknown }).jupyterJobsLeft; // each test starts anew
      vi.useRealTimers();
    },
  };
}
