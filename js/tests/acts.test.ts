import { beforeEach, afterEach, expect, test, vi } from "vitest";
import { act, SHOWN_MS } from "../src/acts.ts";
import { storeOf, type JobStore } from "../src/store.ts";
import { UiState } from "../src/ui_state.ts";
import { rowOf } from "./rows.ts";

let store: JobStore;
let ui: UiState;
let request: ReturnType<typeof vi.fn<Parameters<typeof act>[0]["request"]>>;
let answer: (data: unknown) => void;
let refuse: (error: Error) => void;

beforeEach(() => {
  vi.useFakeTimers();
  store = storeOf();
  store.replace(["a", "b", "c"].map((id) => rowOf({ id })));
  ui = new UiState();
  request = vi.fn(
    () =>
      new Promise((resolve, reject) => {
        answer = resolve;
        refuse = reject;
      }),
  );
});
afterEach(() => vi.useRealTimers());

const cancel = (...ids: string[]): void => act({ store, request }, ui, "cancel", ids);
const shown = (): Record<string, string> =>
  Object.fromEntries(
    [...ui.now.acts].map(([id, state]) => [
      id,
      state.phase === "refused" ? `refused: ${state.why}` : state.phase,
    ]),
  );
const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

test("a click is shown at once, and many are one action", () => {
  cancel("a", "b");

  expect(shown()).toEqual({ a: "sent", b: "sent" });
  expect(request.mock.calls.map(([verb, ids]) => [verb, ids])).toEqual([["cancel", ["a", "b"]]]);
});

test("a click on what is being acted on is nothing", () => {
  cancel("a");

  cancel("a");
  cancel("a", "b");

  expect(request.mock.calls.map(([, ids]) => ids)).toEqual([["a"], ["b"]]);
});

test("a late answer is shown, until it comes", async () => {
  cancel("a");
  request.mock.calls[0]?.[2]();
  expect(shown()).toEqual({ a: "waiting" });

  answer({ done: ["a"], refused: {} });
  await settled();

  expect(shown()).toEqual({ a: "sent" });
});

test("what was done is shown until the job shows it", async () => {
  cancel("a", "b", "c");
  answer({ done: ["a", "b", "c"], refused: {} });
  await settled();

  store.patch({ a: { progress: 0.5 } });
  expect(shown()).toEqual({ a: "sent", b: "sent", c: "sent" });
  store.patch({ a: { status: "CANCELLING" } });
  store.drop(["b"]);
  expect(shown()).toEqual({ c: "sent" });
  await vi.advanceTimersByTimeAsync(SHOWN_MS);

  expect(shown()).toEqual({});
});

test("what was refused says why in its row, and may be asked for again", async () => {
  cancel("a", "b");
  answer({ done: ["b"], refused: { a: "The job is over." } });
  await settled();
  expect(shown()).toEqual({ a: "refused: The job is over.", b: "sent" });

  cancel("a");

  expect(shown()).toEqual({ a: "sent", b: "sent" });
});

test("when the kernel cannot be asked, every row says so", async () => {
  cancel("a", "b");

  refuse(new Error("The kernel cannot be reached."));
  await settled();

  expect(new Set(Object.values(shown()))).toEqual(
    new Set(["refused: The kernel cannot be reached."]),
  );
});

test("a refusal that comes after the job has shown it is not shown", async () => {
  cancel("a");
  store.patch({ a: { status: "SUCCEEDED" } });

  answer({ done: [], refused: { a: "The job is over." } });
  await settled();

  expect(shown()).toEqual({});
});

test("when all is settled nobody listens any more", async () => {
  const watch = vi.spyOn(store, "watch");
  cancel("a");
  const stop = vi.spyOn(ui, "set");
  answer({ done: ["a"], refused: {} });
  await vi.advanceTimersByTimeAsync(SHOWN_MS);
  stop.mockClear();

  store.patch({ a: { status: "SUCCEEDED" } });

  expect(watch).toHaveBeenCalledTimes(1);
  expect(stop).not.toHaveBeenCalled();
});
