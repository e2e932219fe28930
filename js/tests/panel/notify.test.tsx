import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { h, render } from "../../src/dom.ts";
import { bridgeOf, type Bridge } from "../../src/bridge.ts";
import { NotifyButton } from "../../src/panel/notify.tsx";
import { UiState } from "../../src/ui_state.ts";
import { replay, type FakeModel } from "../fake_model.ts";
import { NOW, recordedOf } from "../many.ts";
import { rowOf } from "../rows.ts";

let model: FakeModel;
let bridge: Bridge;
let closed: AbortController;
let hidden = false;
let seq = 1;
let told: { title: string; onclick?: () => void }[];
const requestPermission = vi.fn(() => Promise.resolve("granted"));

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  [hidden, seq, told] = [false, 1, []];
  document.title = "train.ipynb";
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.stubGlobal(
    "Notification",
    class {
      static requestPermission = requestPermission;
      constructor(title: string) {
        told.push(Object.assign(this, { title }));
      }
    },
  );
  model = replay(recordedOf(["a", "b"].map((id) => rowOf({ id, startedAt: NOW - 100_000 }))));
  closed = new AbortController();
  bridge = bridgeOf(model, closed.signal);
  bridge.attach();
});
afterEach(() => {
  closed.abort();
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  requestPermission.mockClear();
});

interface Shown {
  ui: UiState;
  bell: HTMLButtonElement;
}

async function show(): Promise<Shown> {
  const ui = new UiState();
  const el = document.body.appendChild(document.createElement("div"));
  render(<NotifyButton view={{ bridge, ui }} />, el);
  await vi.advanceTimersByTimeAsync(100);
  return { ui, bell: el.querySelector("button") as HTMLButtonElement };
}

function end(finishedAt = NOW): void {
  model.say({
    type: "patch",
    seq: (seq += 1),
    jobs: { a: { status: "SUCCEEDED", finishedAt }, b: { status: "FAILED", finishedAt } },
  });
}

function look(isHidden: boolean): void {
  hidden = isHidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

test("permission is asked for by a click, never before", async () => {
  const { bell, ui } = await show();
  expect(requestPermission).not.toHaveBeenCalled();

  bell.click();

  expect(requestPermission).toHaveBeenCalledTimes(1);
  expect(ui.now.notify).toBe(true);
});

test("when all is over and nobody looks, it tells once, though two views show it", async () => {
  const [first, second] = [await show(), await show()];
  first.bell.click();
  expect(second.ui.now.notify).toBe(true);
  look(true);

  end();

  expect(told.map(({ title }) => title)).toEqual(["Jobs: 1 failed, 1 succeeded"]);
  expect(document.title).toBe("1 failed, 1 succeeded — train.ipynb");
  const focus = vi.spyOn(window, "focus").mockImplementation(() => undefined);
  told[0]?.onclick?.();
  expect(focus).toHaveBeenCalled();
  look(false);

  expect(document.title).toBe("train.ipynb");
});

test("a reader who looks, or who did not ask, is not told", async () => {
  const { bell } = await show();
  look(true);
  end();
  expect([told.length, document.title]).toEqual([0, "train.ipynb"]);

  bell.click();
  look(false);
  const again = { status: "RUNNING", startedAt: NOW, finishedAt: null } as const;
  model.say({ type: "patch", seq: (seq += 1), jobs: { a: again } });
  end(NOW + 90_000);

  expect([told.length, document.title]).toEqual([0, "train.ipynb"]);
});

test("short jobs are not worth a word, also when a long one ended before them", async () => {
  const { bell } = await show();
  bell.click();
  end();
  look(true);
  const again = { status: "RUNNING", startedAt: NOW, finishedAt: null } as const;
  model.say({ type: "patch", seq: (seq += 1), jobs: { a: again } });
  const over = { status: "SUCCEEDED", finishedAt: NOW + 50_000 } as const;

  model.say({ type: "patch", seq: (seq += 1), jobs: { a: over } });

  expect([told.length, document.title]).toEqual([0, "train.ipynb"]);
});

test("where notifications are missing the title tells", async () => {
  vi.stubGlobal("Notification", undefined);
  const { bell } = await show();
  bell.click();
  look(true);

  end();

  expect(document.title).toBe("1 failed, 1 succeeded — train.ipynb");
});
