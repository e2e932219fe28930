import { afterEach, describe, expect, test, vi } from "vitest";
import done from "../../../tests/wire/panel-done.json";
import empty from "../../../tests/wire/panel-empty.json";
import failed from "../../../tests/wire/panel-failed.json";
import mixed from "../../../tests/wire/panel-mixed.json";
import reconnecting from "../../../tests/wire/panel-reconnecting.json";
import refused from "../../../tests/wire/panel-refused.json";
import running from "../../../tests/wire/panel-running.json";
import silent from "../../../tests/wire/panel-silent.json";
import type { Recorded } from "../fake_model.ts";
import { manyRows, NOW, recordedOf, snapshotOf, stormPatch } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";
import type { Connection, Details, Row, ToKernel } from "../../src/types.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

const show = async (recorded: unknown): Promise<void> => {
  panel = await mount(recorded as Recorded);
};
const withConnection = (recorded: unknown, changes: Partial<Connection>): Recorded => {
  const changed = structuredClone(recorded) as Recorded;
  for (const message of changed.messages)
    if (message.type === "snapshot") Object.assign(message.connection, changes);
  return changed;
};
const names = (): string[] =>
  [...panel.el.querySelectorAll(".jj-name")].map((name) => name.textContent ?? "");

describe("in each state", () => {
  test("empty, it says what to type", async () => {
    await show(empty);

    expect(panel.one("region", "Jobs")).toBeTruthy();
    expect(panel.text()).toContain("monitor.submit(fn, *args)");
    expect(panel.text()).toContain("live");
    expect(panel.all("treegrid")).toEqual([]);
  });

  test("running, a row has its bar, its numbers, its time and its last message", async () => {
    await show(running);

    const bar = panel.one("progressbar", "Progress of train");
    expect(bar.getAttribute("aria-valuenow")).toBe("58");
    expect(bar.getAttribute("aria-valuetext")).toBe("58%, 5.8k of 10k");
    const [train] = panel.all("row");
    expect(train?.textContent).toContain("3m12s");
    expect(train?.textContent).toContain("loss 0.214 acc 0.931 (epoch 6/10)");
    expect(panel.counts()).toEqual(["2 running", "2 queued"]);
  });

  test("running, the clock ticks in the page without a message", async () => {
    await show(running);

    await panel.pass(3000);

    expect(panel.all("row")[0]?.textContent).toContain("3m15s");
  });

  test("mixed, trouble is first in the header and in the list", async () => {
    await show(mixed);

    expect(panel.counts()).toEqual([
      ...["1 failed", "1 timed out", "1 lost", "3 running", "1 cancelling", "4 queued"],
      ...["9 succeeded", "1 cancelled"],
    ]);
    expect(names().slice(0, 4)).toEqual([
      "clean #12",
      "clean #40",
      "fetch weather",
      "sweep lr=3e-4",
    ]);
    expect(panel.one("treegrid").getAttribute("aria-rowcount")).toBe("22"); // 21 jobs and the titles
  });

  test("mixed, each state has its own shape and its word", async () => {
    await show(mixed);

    const shapes = new Map(
      panel.all("img").map((img) => [img.getAttribute("aria-label"), img.innerHTML]),
    );
    expect([...shapes.keys()]).toEqual([
      ...["failed", "timed out", "lost", "running", "cancelling", "queued", "succeeded"],
    ]);
    expect(new Set(shapes.values()).size).toBe(shapes.size);
  });

  test("done, it says so in one line", async () => {
    await show(done);

    expect(panel.counts()).toEqual(["12 succeeded"]);
    expect(panel.all("progressbar")).toEqual([]);
  });

  test("failed, the error is in the row", async () => {
    await show(failed);

    expect(panel.all("row")[0]?.textContent).toContain("ValueError: bad day '2026-13-01'");
  });

  test("reconnecting, it counts down and says what it shows", async () => {
    await show(reconnecting);

    expect(panel.text()).toContain("reconnecting · try 3, next in 8s");
    expect(panel.text()).toMatch(/Showing what was known at \d\d:\d\d:48\. Jobs go on running\./);
    expect(panel.one("region").classList).toContain("jj-frozen");
    const before = panel.all("row")[0]?.textContent;
    await panel.pass(3000);

    expect(panel.text()).toContain("next in 5s");
    expect(panel.all("row")[0]?.textContent).toBe(before);
  });

  test("reconnecting for longer, it says why", async () => {
    await show(withConnection(reconnecting, { attempt: 3, detail: "no route to the host" }));

    expect(panel.text()).toContain("No route to the host.");
  });

  test("live, it says what is lacking all the same", async () => {
    await show(withConnection(running, { detail: "this API has no listJobs" }));

    expect(panel.text()).toContain("live");
    expect(panel.text()).toContain("This API has no listJobs.");
  });

  test("refused, it says what is needed and why, and what to type looks like it", async () => {
    const detail = "a.example.org says no; run monitor.reconnect() or monitor.reconnect(auth=…)";
    await show(withConnection(refused, { detail }));

    expect(panel.text()).toContain("sign-in needed");
    expect(panel.text()).toContain("Sign-in is needed. Showing what was known at");
    expect(panel.text()).toContain(`${detail}.`);
    const typed = [...panel.el.querySelectorAll(".jj-reason code")].map((code) => code.textContent);
    expect(typed).toEqual(["monitor.reconnect()", "monitor.reconnect(auth=…)"]);
  });

  test("refused before anything was known, it names no moment", async () => {
    await show(withConnection(refused, { asOf: null }));

    expect(panel.text()).not.toContain("Showing what was known");
  });

  test("refused, its button tries again and says when that was in vain", async () => {
    await show(refused);

    await panel.click(panel.one("button", "Reconnect"));

    expect(panel.model.sent.filter(({ type }) => type === "action").at(-1)).toMatchObject({
      type: "action",
      action: "reconnect",
      jobs: [],
    });
    expect(panel.one("button", "Trying…")).toHaveProperty("disabled", true);
    const { page, actionId } = panel.model.sent
      .filter(({ type }) => type === "action")
      .at(-1) as ToKernel & { type: "action" };
    panel.model.say({ type: "reply", page, actionId, ok: true, data: {} });
    await panel.pass(3000);

    expect(panel.text()).toContain("Refused again.");
    expect(panel.one("button", "Reconnect")).toHaveProperty("disabled", false);
  });

  test("without a kernel, it shows the summary, and what to run", async () => {
    await show(silent);
    expect(panel.text()).toContain("connecting");

    await panel.pass(4000);

    expect(panel.text()).toMatch(/not live · as of \d\d:05/);
    expect(panel.text()).toContain("JobMonitor()");
    expect(panel.counts()).toEqual(["2 running?", "13 succeeded"]);
    expect(panel.all("button", /^(Cancel|Retry) /)).toEqual([]);
  });

  test("collapsed, one line is left and still tells the truth", async () => {
    await show(mixed);

    await panel.click(panel.one("button", "Show only this line"));

    expect(panel.all("treegrid")).toEqual([]);
    expect(panel.counts()).toHaveLength(8);
    expect(panel.text()).toContain("live");
    await panel.click(panel.one("button", "Show the jobs"));
    expect(panel.all("treegrid")).toHaveLength(1);
  });
});

describe("with ten thousand jobs", () => {
  const showFlat = async (): Promise<void> => {
    panel = await mount(manyRows(10_000));
    const chosen = panel.el.querySelector("select") as HTMLSelectElement;
    chosen.value = "none";
    chosen.dispatchEvent(new Event("change", { bubbles: true }));
    await panel.pass();
  };
  const lines = (): HTMLElement[] => [...panel.el.querySelectorAll<HTMLElement>("[data-key]")];

  test("they are grouped by name at first", async () => {
    panel = await mount(manyRows(10_000));

    expect(names()).toEqual(["12 × LinAlgError: singular matrix", "sweep a", "sweep b", "sweep c"]);
  });

  test("at most sixty rows are in the page, and the true number is told", async () => {
    await showFlat();

    expect(panel.all("row").length).toBeLessThanOrEqual(60);
    // All but the 12 that failed alike and are one line, and the titles.
    expect(panel.one("treegrid").getAttribute("aria-rowcount")).toBe("9990");
    expect(lines()[0]?.getAttribute("aria-rowindex")).toBe("2");
  });

  test("scrolling brings other rows", async () => {
    await showFlat();
    const list = panel.one("rowgroup");

    list.scrollTop = 32 * 5000;
    list.dispatchEvent(new Event("scroll"));
    await panel.pass();

    expect(lines()[0]?.getAttribute("aria-rowindex")).toBe("4996");
    expect(panel.all("row").length).toBeLessThanOrEqual(60);
  });

  test("scrolling fills the elements that are there, but not the one with the keyboard", async () => {
    await showFlat();
    const before = lines();
    before[2]?.focus();
    const list = panel.one("rowgroup");

    list.scrollTop = 32 * 5000;
    list.dispatchEvent(new Event("scroll"));
    await panel.pass();

    expect(lines().filter((line) => before.includes(line)).length).toBeGreaterThan(5);
    expect(before[2]?.isConnected).toBe(false);
    expect(document.activeElement).toBe(list);
    for (const line of lines()) {
      const number = Number(line.dataset.key?.slice(4));
      expect(line.querySelector(".jj-name")?.textContent).toMatch(
        new RegExp(`^sweep . #${number}$`),
      );
      expect(line.getAttribute("tabindex")).toBe(line === lines()[0] ? "0" : "-1");
    }
    const places = lines().map((line) => Number(line.getAttribute("aria-rowindex")));
    expect(places).toEqual(places.map((_, index) => 4996 + index));
  });

  test("a list that stands still never puts another job into an element", async () => {
    await showFlat();
    const before = lines();
    const [first, second] = before.slice(1).map(({ dataset }) => dataset.key as string);

    panel.model.say({ type: "patch", seq: 2, gone: [first as string] });
    await panel.pass();

    expect(before[1]?.isConnected).toBe(false);
    expect(before[2]?.dataset.key).toBe(second);
    expect(lines().filter((line) => !before.includes(line))).toHaveLength(1);
  });

  test("scrolling by less than what is drawn in advance draws nothing", async () => {
    await showFlat();
    const frames = vi.spyOn(globalThis, "requestAnimationFrame");
    const list = panel.one("rowgroup");

    list.scrollTop = 64;
    list.dispatchEvent(new Event("scroll"));

    expect(frames).not.toHaveBeenCalled();
  });

  test("a burst of changes is drawn once a frame", async () => {
    panel = await mount(manyRows(1000));
    const frames = vi.spyOn(globalThis, "requestAnimationFrame");

    for (let seq = 2; seq < 42; seq += 1) panel.model.say(stormPatch(seq, 1000, 50));

    expect(frames).toHaveBeenCalledTimes(1);
    await panel.pass();
  });
});

test("out of sight nothing is drawn, and back in sight all that came", async () => {
  let look: (entries: { isIntersecting: boolean }[]) => void = () => undefined;
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(callback: typeof look) {
        look = callback;
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
  panel = await mount([rowOf({ id: "a", progress: 0.2 })]);
  vi.unstubAllGlobals();
  const before = panel.text();

  look([{ isIntersecting: false }]);
  await panel.pass();
  panel.model.say({
    type: "patch",
    seq: 2,
    jobs: { a: { progress: 0.9 } },
  });
  await panel.pass(2000);
  expect(panel.text()).toBe(before);
  look([{ isIntersecting: true }]);
  await panel.pass();

  expect(panel.text()).toContain("90%");
});

test("what a job says stays text, wherever it is shown", async () => {
  const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
  const id = "evil";
  const row = rowOf({
    ...{ id, name: evil, request: evil, message: evil, error: evil },
    ...{ status: "FAILED", finishedAt: NOW, startedAt: NOW - 1, tags: [evil], failure: evil },
  });
  const details = {
    pairs: [
      [evil, evil],
      ["code", { code: `${evil}!` }],
      ["files", [[evil, evil]]],
    ] as Details["pairs"],
    charts: [[evil, evil]] as Details["charts"],
    error: { type: evil, message: evil, traceback: evil, exitCode: null, signal: evil },
    ...{ log: [evil, `\x1b[31m${evil}\x1b[0m`], version: 1 },
    attempts: [],
  };
  const connection = {
    state: "auth_failed" as const,
    detail: evil,
    retryAt: null,
    attempt: 0,
    asOf: NOW,
  };
  panel = await mount({
    about: "",
    summary: { counts: {}, total: 0, connection, backend: evil, rows: [], asOf: NOW },
    messages: [snapshotOf([row], { connection, backend: evil })],
    details: { [id]: details },
  });

  await panel.click(panel.el.querySelector(".jj-line") as HTMLElement);

  expect(panel.el.querySelectorAll("img, script, [onerror]")).toHaveLength(0);
  expect(panel.el.querySelector(".jj-name")?.textContent).toBe(evil);
  expect(panel.text().split("<script>").length).toBeGreaterThan(8);
});

describe("a batch", () => {
  const batch = (done: number, more: Partial<Row> = {}): Recorded =>
    recordedOf(
      Array.from({ length: 40 }, (_, index) =>
        rowOf({
          ...{ id: `j${index}`, name: `fold #${index}`, batch: "b", startedAt: NOW - 60_000 },
          ...(index < done ? { status: "SUCCEEDED", finishedAt: NOW - 30_000 } : {}),
          ...more,
        }),
      ),
    );

  test("tells how long it will still take, as it went so far", async () => {
    await show(batch(10));

    expect(panel.all("row").at(-1)?.textContent).toContain("3m left");
  });

  test.each([
    ["that has hardly begun", batch(0)],
    ["of which none has started", batch(0, { status: "QUEUED", startedAt: null, progress: 0.5 })],
    ["that is over", batch(40)],
  ])("%s foretells nothing", async (_, recorded) => {
    await show(recorded);

    expect(panel.all("row").at(-1)?.textContent).toContain("fold");
    expect(panel.el.textContent).not.toContain("left");
  });

  test("foretells nothing from what may be old", async () => {
    await show(withConnection(batch(10), { state: "stale", detail: "No answer." }));

    expect(panel.el.textContent).not.toContain("left");
  });

  test("by name foretells nothing, for it has jobs of other days", async () => {
    await show(batch(10, { batch: null }));
    const select = panel.el.querySelector("select") as HTMLSelectElement;
    select.value = "name";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await panel.pass();

    expect(panel.all("row").at(-1)?.textContent).toContain("fold");
    expect(panel.el.textContent).not.toContain("left");
  });
});
