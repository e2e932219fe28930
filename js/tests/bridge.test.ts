import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  ALIVE_MS,
  ANSWER_MS,
  bridgeOf,
  FIRST_WORD_MS,
  POLL_MS,
  QUIET_MS,
  SILENCE_MS,
  type Bridge,
} from "../src/bridge.ts";
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
  vi.advanceTimersByTime(1000); // the second word is out, and the watch has looked once
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

  test("the first word is followed by another, for JupyterLab sends it before it knows the way", () => {
    const [bridge, model] = idle();
    bridge.attach();
    model.say(snapshot(1));

    vi.advanceTimersByTime(500);

    expect(types(model)).toEqual(["hello", "alive"]);
  });

  test("closing takes every listener and timer along", () => {
    const [bridge, model] = idle();
    bridge.attach();
    vi.advanceTimersByTime(1000);

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

  test("an answer that comes while the question is being sent is heard", async () => {
    const { summary } = recordedOf([]);
    const model = new FakeModel(summary, (message, kernel) => {
      if (message.type !== "action") return;
      const { page, actionId } = message;
      kernel.say({ type: "reply", page, actionId, ok: true, data: 7 });
    });
    const [bridge] = idle(model);

    await expect(bridge.request("details", ["a"])).resolves.toBe(7);
  });

  test("details, for which nobody clicked, are not counted as waiting", () => {
    const [bridge] = live();
    void bridge.request("details", ["a"]);

    vi.advanceTimersByTime(ANSWER_MS);

    expect(bridge.waiting).toBe(0);
  });

  test("a late answer counts as waiting until it comes, and is told once", async () => {
    const [bridge, model] = live();
    const onWaiting = vi.fn();
    void bridge.request("cancel", ["a"], onWaiting);
    const told = vi.fn();
    bridge.changes.listen(told);

    vi.advanceTimersByTime(ANSWER_MS - 1);
    expect([bridge.waiting, onWaiting.mock.calls.length]).toEqual([0, 0]);
    vi.advanceTimersByTime(1);
    expect([bridge.waiting, onWaiting.mock.calls.length, told.mock.calls.length]).toEqual([
      1, 1, 1,
    ]);
    const { page, actionId } = actionOf(model);
    model.say({ type: "reply", page, actionId, ok: true, data: {} });

    expect(bridge.waiting).toBe(0);
  });

  test("one that may be lost is said again after a snapshot, by the same number", () => {
    const [bridge, model] = live();
    void bridge.request("cancel", ["a"]);
    model.say(snapshot(2));
    expect(types(model)).toEqual(["action"]);

    vi.advanceTimersByTime(FIRST_WORD_MS);
    model.say(snapshot(3));
    model.say(snapshot(4));

    expect(types(model)).toEqual(["action", "action"]);
    expect(actionOf(model, 1)).toEqual(actionOf(model, 0));
  });

  test("one that waits is said again, for there may be a way past the cell by now", () => {
    const [bridge, model] = live();
    void bridge.request("cancel", ["a"]);

    vi.advanceTimersByTime(2 * FIRST_WORD_MS + 1000);
    const { page, actionId } = actionOf(model);
    const said = model.sent.filter(({ type }) => type === "action");
    model.say({ type: "reply", page, actionId, ok: true, data: {} });
    vi.advanceTimersByTime(2 * FIRST_WORD_MS);

    expect(said).toEqual([actionOf(model), actionOf(model), actionOf(model)]);
    expect(model.sent.filter(({ type }) => type === "action")).toEqual(said);
  });

  test("when the comm went and nobody answers, those that wait are refused", async () => {
    const [bridge, model] = live();
    const refused = vi.fn();
    bridge.request("cancel", ["a"]).catch(refused);

    model.emit("comm_live_update");
    await vi.advanceTimersByTimeAsync(FIRST_WORD_MS);

    expect(refused.mock.calls[0]?.[0].message).toContain("kernel cannot be reached");
  });

  test("when the comm came back, they go on waiting", async () => {
    const [bridge, model] = live();
    const settled = vi.fn();
    bridge.request("cancel", ["a"]).then(settled, settled);

    model.emit("comm_live_update");
    model.say(snapshot(2));
    await vi.advanceTimersByTimeAsync(5 * FIRST_WORD_MS);

    expect(settled).not.toHaveBeenCalled();
  });

  test("what the API can do is known from the snapshot, and only while somebody is there", () => {
    const [bridge, model] = idle();
    bridge.attach();
    expect(bridge.can("cancel")).toBe(false);

    model.say(snapshotOf([running], { connection, backend, actions: ["cancel"] }));
    expect([bridge.can("cancel"), bridge.can("retry")]).toEqual([true, false]);
    vi.advanceTimersByTime(SILENCE_MS);

    expect(bridge.can("cancel")).toBe(false);
  });
});

describe("many jobs", () => {
  test("come in parts, and are one whole", () => {
    const [bridge, model] = idle();
    bridge.attach();

    model.say(snapshotOf([running], { connection, backend, total: 3 }));
    expect([bridge.store.size, bridge.store.total]).toEqual([1, 3]);
    model.say({ type: "patch", seq: 2, rows: encode([rowOf({ id: "b" }), rowOf({ id: "c" })]) });

    expect([bridge.store.size, bridge.store.total]).toEqual([3, 3]);
  });

  test("that are superseded go", () => {
    const [bridge, model] = live([running, rowOf({ id: "b" })]);

    model.say({ type: "patch", seq: 2, gone: ["a"], rows: encode([rowOf({ id: "a2" })]) });

    expect([...bridge.store.rows()].map((row) => row.id)).toEqual(["b", "a2"]);
  });
});

describe("a log", () => {
  test("is asked for, handed on, and asked for again after a snapshot", () => {
    const [bridge, model] = live();
    const onLines = vi.fn();
    bridge.follow("a", onLines);
    const [{ page }] = model.sent as [ToKernel];
    const lines = [{ seq: 1, time: null, stream: "stdout", text: "x" }];

    model.say({ type: "log", page: "another", job: "a", lines, ended: false });
    model.say({ type: "log", page, job: "a", lines, ended: false });
    model.say(snapshot(2));

    expect(onLines.mock.calls).toEqual([[lines, false]]);
    expect(model.sent).toEqual([
      { type: "follow", page, job: "a", after: 0 },
      { type: "follow", page, job: "a", after: 1 },
    ]);
  });
});

describe("a host that does not push", () => {
  const polls = (model: FakeModel): number =>
    model.sent.filter(({ type }) => type === "poll").length;

  test("is asked when it is quiet while jobs live, again and again", () => {
    const [bridge, model] = live();

    vi.advanceTimersByTime(QUIET_MS - 1000);
    expect(polls(model)).toBe(0);
    vi.advanceTimersByTime(1000 + POLL_MS);
    expect(polls(model)).toBe(2);
    expect(model.sent[0]).toMatchObject({ type: "poll", have: 1 });
    model.say({ type: "patch", seq: 2, jobs: { a: { progress: 0.5 } } });
    vi.advanceTimersByTime(QUIET_MS - 1000);

    expect([polls(model), bridge.kernel]).toEqual([2, "live"]);
  });

  test("is asked also while an action waits", () => {
    const [bridge, model] = live([rowOf({ status: "FAILED" })]);
    vi.advanceTimersByTime(2 * QUIET_MS);
    expect(polls(model)).toBe(0);

    void bridge.request("retry", ["job"]);
    vi.advanceTimersByTime(1000);

    expect(polls(model)).toBe(1);
  });

  test("that does not answer either is not live", () => {
    const [bridge, model] = live();

    vi.advanceTimersByTime(SILENCE_MS);
    const before = polls(model);
    vi.advanceTimersByTime(SILENCE_MS);

    expect([bridge.kernel, before, polls(model)]).toEqual(["silent", 3, 3]);
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
    expect(bridge.asOf).toBe(NOW + 1000);
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

  expect(bridge.now()).toBe(NOW - 88_000);
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
