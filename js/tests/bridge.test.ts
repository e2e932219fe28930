import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ALIVE_MS, bridgeOf, FIRST_WORD_MS, SILENCE_MS, type Bridge } from "../src/bridge.ts";
import type { FromKernel, Row, ToKernel } from "../src/types.ts";
import { encode } from "./encode.ts";
import { FakeModel } from "./fake_model.ts";
import { NOW, recordedOf, snapshotOf } from "./many.ts";
import { rowOf } from "./rows.ts";

let closing: AbortController;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  closing = new AbortController();
});
afterEach(() => {
  closing.abort();
  vi.useRealTimers();
});

const running = rowOf({ id: "a", status: "RUNNING", progress: 0.1 });

const { connection, backend } = recordedOf([]).summary;

const snapshot = (seq: number, rows: Row[] = [running], now = Date.now()): FromKernel =>
  snapshotOf(rows, { connection, backend, seq, now });

function idle(model = new FakeModel(recordedOf([]).summary)): [Bridge, FakeModel] {
  return [bridgeOf(model, closing.signal), model];
}

/** A bridge with a view, after its first snapshot. */
function live(jobs?: Row[]): [Bridge, FakeModel, () => void] {
  const [bridge, model] = idle();
  const detach = bridge.attach();
  model.say(snapshot(1, jobs));
  model.sent.length = 0;
  return [bridge, model, detach];
}

const types = (model: FakeModel): string[] =>
  model.sent.map((message) => message.type).filter((type) => type !== "poll");

describe("signs of life", () => {
  test("the first view says hello, the last one bye, those between nothing", () => {
    const [bridge, model] = idle();

    const one = bridge.attach();
    const two = bridge.attach();
    one();
    one();
    expect(types(model)).toEqual(["hello"]);
    two();

    expect(types(model)).toEqual(["hello", "bye"]);
    expect(new Set(model.sent.map((message) => message.page)).size).toBe(1);
  });

  test("a page says that it lives every 20 s, and no more once its views are gone", () => {
    const [, model, detach] = live([rowOf({ status: "SUCCEEDED" })]);

    vi.advanceTimersByTime(2 * ALIVE_MS + 100);
    expect(types(model)).toEqual(["alive", "alive"]);
    detach();
    vi.advanceTimersByTime(5 * ALIVE_MS);

    expect(types(model)).toEqual(["alive", "alive", "bye"]);
  });

  test("closing takes every listener and timer along", () => {
    const [bridge, model] = idle();
    bridge.attach();

    closing.abort();

    expect(model.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the order of messages", () => {
  test("a patch that follows is taken", () => {
    const [bridge, model] = live();

    model.say({ type: "patch", seq: 2, jobs: { a: { progress: 0.5 } } });

    expect(bridge.store.get("a")?.progress).toBe(0.5);
    expect(model.sent).toEqual([]);
  });

  test("a gap asks for a resync, once, and takes nothing until the snapshot", () => {
    const [bridge, model] = live();

    model.say({ type: "patch", seq: 3, jobs: { a: { progress: 0.5 } } });
    model.say({ type: "patch", seq: 4, jobs: { a: { progress: 0.6 } } });

    expect(model.sent).toEqual([expect.objectContaining({ type: "resync", have: 1 })]);
    expect(bridge.store.get("a")?.progress).toBe(0.1);

    model.say(snapshot(5, [{ ...running, progress: 0.7 }]));
    model.say({ type: "patch", seq: 6, jobs: { a: { progress: 0.8 } } });

    expect(bridge.store.get("a")?.progress).toBe(0.8);
    expect(model.sent).toHaveLength(1);
  });

  test("a resync that is not answered is asked for again", () => {
    const [, model] = live();

    model.say({ type: "patch", seq: 3, jobs: {} });
    vi.advanceTimersByTime(1000);
    model.say({ type: "patch", seq: 4, jobs: {} });

    expect(types(model)).toEqual(["resync", "resync"]);
  });

  test("a beat with a later number tells that a patch was lost", () => {
    const [, model] = live();

    model.say({ type: "beat", seq: 1 });
    expect(model.sent).toEqual([]);
    model.say({ type: "beat", seq: 2 });

    expect(types(model)).toEqual(["resync"]);
  });

  test("what was already taken is not taken again", () => {
    const [bridge, model] = live();
    model.say({ type: "patch", seq: 2, jobs: { a: { progress: 0.5 } } });

    model.say({ type: "patch", seq: 2, jobs: { a: { progress: 0.2 } } });

    expect(bridge.store.get("a")?.progress).toBe(0.5);
    expect(model.sent).toEqual([]);
  });

  test("a snapshot of a new kernel starts a new count", () => {
    const [bridge, model] = live();
    model.say({ type: "patch", seq: 2, jobs: {} });

    model.say(snapshot(1, []));
    model.say({ type: "patch", seq: 2, rows: encode([rowOf({ id: "b" })]) });

    expect(bridge.store.total).toBe(1);
    expect(model.sent).toEqual([]);
  });

  test("a patch may bring the connection", () => {
    const [bridge, model] = live();
    const connection = { ...bridge.connection, state: "reconnecting" as const };

    model.say({ type: "patch", seq: 2, jobs: {}, connection });

    expect(bridge.connection.state).toBe("reconnecting");
  });
});

describe("actions", () => {
  const actionOf = (model: FakeModel, index = 0): ToKernel & { type: "action" } =>
    model.sent.filter((message) => message.type === "action")[index] as ToKernel & {
      type: "action";
    };

  test("a reply settles the action of its number, in any order", async () => {
    const [bridge, model] = live();
    const first = bridge.request("details", ["a"]);
    const second = bridge.request("cancel", ["a"]);
    const [one, two] = [actionOf(model, 0), actionOf(model, 1)];
    expect([one.action, one.jobs, two.action]).toEqual(["details", ["a"], "cancel"]);

    const { page } = one;
    model.say({ type: "reply", page, actionId: two.actionId, ok: false, error: "It is over." });
    model.say({ type: "reply", page, actionId: one.actionId, ok: true, data: { version: 4 } });

    await expect(first).resolves.toEqual({ version: 4 });
    await expect(second).rejects.toThrow("It is over.");
  });

  test("a reply to another page is not ours", async () => {
    const [bridge, model] = live();
    const settled = vi.fn();
    void bridge.request("details", ["a"]).then(settled);
    const { actionId } = actionOf(model);

    model.say({ type: "reply", page: "another", actionId, ok: true, data: {} });
    await vi.advanceTimersByTimeAsync(100);

    expect(settled).not.toHaveBeenCalled();
  });

  test("when the comm is gone the action says so at once", async () => {
    const [bridge, model] = live();
    model.broken = new Error("Cannot send");

    await expect(bridge.request("cancel", ["a"])).rejects.toThrow("kernel cannot be reached");
  });
});

describe("the watchdog", () => {
  test("silence while jobs live turns the panel off, and asks for a snapshot", () => {
    const [bridge, model] = live();

    vi.advanceTimersByTime(SILENCE_MS - 1000);
    expect(bridge.kernel).toBe("live");
    vi.advanceTimersByTime(1000);

    expect(bridge.kernel).toBe("silent");
    expect(types(model)).toEqual(["hello"]);
    expect(bridge.asOf).toBe(NOW);
  });

  test("beats keep it live, and a word brings it back", () => {
    const [bridge, model] = live();
    for (let beat = 0; beat < 6; beat += 1) {
      vi.advanceTimersByTime(5000);
      model.say({ type: "beat", seq: 1 });
    }
    expect(bridge.kernel).toBe("live");

    vi.advanceTimersByTime(SILENCE_MS);
    expect(bridge.kernel).toBe("silent");
    model.say(snapshot(9));

    expect(bridge.kernel).toBe("live");
  });

  test("while it is silent the sign of life is a hello", () => {
    const [, model] = live();

    vi.advanceTimersByTime(SILENCE_MS + ALIVE_MS);

    expect(types(model)).toEqual(["hello", "hello"]);
  });

  test("when nothing is live there is nothing to miss", () => {
    const [bridge] = live([rowOf({ status: "SUCCEEDED" })]);

    vi.advanceTimersByTime(10 * SILENCE_MS);

    expect(bridge.kernel).toBe("live");
  });

  test("a kernel that never answers is silent, and the summary is what was known", () => {
    const recorded = recordedOf([running]);
    const rows = [running];
    const asOf = NOW - 60_000;
    const [bridge] = idle(
      new FakeModel({ ...recorded.summary, rows, counts: { RUNNING: 1 }, total: 1, asOf }),
    );
    bridge.attach();
    expect([bridge.kernel, bridge.now()]).toEqual(["waiting", asOf]);

    vi.advanceTimersByTime(FIRST_WORD_MS);

    expect([bridge.kernel, bridge.asOf, bridge.store.size]).toEqual(["silent", asOf, 1]);
  });

  test("a comm that went is noticed at once", () => {
    const [bridge, model] = live();
    model.broken = new Error("Cannot send");

    model.emit("comm_live_update");

    expect(bridge.kernel).toBe("silent");
  });

  test("a comm that came back answers the hello, and all is live again", () => {
    const [bridge, model] = live();
    model.emit("comm_live_update");
    expect(types(model)).toEqual(["hello"]);

    model.say(snapshot(2));

    expect(bridge.kernel).toBe("live");
  });

  test("a tab that is looked at again says so", () => {
    const [, model] = live();

    document.dispatchEvent(new Event("visibilitychange"));

    expect(types(model)).toEqual(["alive"]);
  });
});

test("the page's clock follows the kernel's", () => {
  const [bridge, model] = live();

  model.say(snapshot(2, [], Date.now() - 90_000));
  vi.advanceTimersByTime(1000);

  expect(bridge.now()).toBe(NOW - 89_000);
});

test("a summary that changes is read until the first snapshot, then no more", () => {
  const [bridge, model] = idle();
  const summary = { ...model.summary, rows: [running], counts: { RUNNING: 1 as const }, total: 1 };
  model.summary = summary;
  model.emit("change:summary");
  expect(bridge.store.total).toBe(1);

  model.say(snapshot(1, [running, { ...running, id: "b" }]));
  model.emit("change:summary");

  expect(bridge.store.total).toBe(2);
});
