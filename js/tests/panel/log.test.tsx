import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LogLine, ToKernel } from "../../src/types.ts";
import { recordedOf } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
let page = "";
beforeEach(async () => {
  panel = await mount([rowOf({ id: "a", name: "train", startedAt: 0 })]);
  panel.all("row")[0]?.focus();
  await panel.press("l");
  page = panel.model.sent[0]?.page ?? "";
});
afterEach(() => panel.unmount());

const follows = (): (string | null)[] =>
  panel.model.sent
    .filter((message): message is ToKernel & { type: "follow" } => message.type === "follow")
    .map((message) => message.job);

const numbered = (from: number, count: number): LogLine[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ seq: from + index, time: 0, stream: "stdout", text: `line ${from + index}` },
  }));

async function print(lines: LogLine[], ended = false): Promise<void> {
  panel.model.say({ type: "log", job: "a", page, lines, ended });
  await panel.pass(100);
}

const shown = (): string[] =>
  [...(panel.one("log").firstElementChild?.children ?? [])].map((line) => line.textContent ?? "");

/** Where the reader is, in a page that has no layout of its own. */
async function scrollTo(scrollTop: number): Promise<void> {
  const log = panel.one("log");
  Object.defineProperties(log, {
    scrollHeight: { value: 1000, configurable: true },
    clientHeight: { value: 200, configurable: true },
  });
  log.scrollTop = scrollTop;
  log.dispatchEvent(new Event("scroll"));
  await panel.pass();
}

test("L follows the log, and closing the row ends that", async () => {
  expect(follows()).toEqual(["a"]);

  await panel.press("Escape", panel.all("row")[0] ?? null);

  expect(follows()).toEqual(["a", null]);
});

test("lines come as text, without control sequences, and those of stderr have a mark", async () => {
  const text = "\x1b[31m<b>bad</b>\x1b[0m";
  await print([...numbered(1, 1), { seq: 2, time: 0, stream: "stderr", text }]);

  expect(shown()).toEqual(["line 1", "<b>bad</b>"]);
  expect(panel.one("log").querySelectorAll(".jj-err")).toHaveLength(1);
});

test.each<[string, [string, string, string][]]>([
  ["\x1b[31mbad\x1b[0m day", [["bad", "red", ""]]],
  ["\x1b[1;92mgood\x1b[22m day", [["good", "green", "600"]]],
  [
    "a\x1b[33mb\x1b[1mc\x1b[md",
    [
      ["b", "orange", ""],
      ["c", "orange", "600"],
    ],
  ],
  ["\x1b[38;5;31m\x1b[2m\x1b]0;title\x07plain\x1b[K", []],
  ["\x1b[31mold\r\x1b[34mnew", [["new", "royalblue", ""]]],
])("colours and bold are kept, other sequences dropped: %j", async (text, runs) => {
  await print([{ seq: 1, time: 0, stream: "stdout", text }]);

  const spans = [...panel.one("log").querySelectorAll("span")];
  const told = spans.map(({ textContent, style }) => [
    textContent,
    style.getPropertyValue("--jj-state"),
    style.fontWeight,
  ]);
  expect(told).toEqual(runs);
  expect(shown()[0]).not.toMatch(/\x1b|\[\d|title/);
});

test("a line that is empty keeps its place", async () => {
  await print([{ seq: 1, time: 0, stream: "stdout", text: "\x1b[31m\x1b[0m" }]);

  expect(shown()).toEqual([" "]);
});

test("all of it can be copied, as text", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  await print([...numbered(1, 1), { seq: 2, time: 0, stream: "stdout", text: "\x1b[1mb\x1b[0m!" }]);

  await panel.click(panel.one("button", "Copy all"));

  expect(writeText).toHaveBeenCalledWith("line 1\nb!");
  vi.unstubAllGlobals();
});

test("ten thousand lines at once leave the last of them, and say how many are missing", async () => {
  await print(numbered(1, 10_000));

  expect(shown()).toHaveLength(2000);
  expect(shown()[0]).toBe("… lines not shown: 8001");
  expect(shown().at(-1)).toBe("line 10000");
});

test("it says that there is nothing yet, and when it is the end", async () => {
  await print([]);
  expect(panel.one("log").textContent).toContain("No output yet.");
  await print(numbered(1, 1));
  expect(panel.one("log").textContent).toBe("line 1");

  await print([], true);

  expect(panel.one("log").textContent).toContain("ended");
});

test("it keeps the last 2,000 lines, and shows where lines are missing", async () => {
  await print(numbered(1, 3));
  await print(numbered(4, 4000));

  expect(shown()).toHaveLength(2000);
  expect(shown().at(-1)).toBe("line 4003");
});

test("lines that the kernel did not keep are counted", async () => {
  await print(numbered(501, 2));

  expect(shown()).toEqual(["… lines not shown: 500", "line 501", "line 502"]);
});

test("it follows the end until the reader scrolls up, and again by a button", async () => {
  await scrollTo(800);
  await print(numbered(1, 1));
  expect(panel.one("log").scrollTop).toBe(1000);
  expect(panel.all("button", "↓ To the end")).toEqual([]);

  await scrollTo(300);
  await print(numbered(2, 1));
  expect(panel.one("log").scrollTop).toBe(300);
  await panel.click(panel.one("button", "↓ To the end"));

  expect(panel.one("log").scrollTop).toBe(1000);
});

test("an API that does not tell output is said to be one", async () => {
  panel.unmount();
  const recorded = recordedOf([rowOf({ id: "a", startedAt: 0 })]);
  for (const message of recorded.messages)
    if (message.type === "snapshot") message.actions = ["cancel", "details"];
  panel = await mount(recorded);
  panel.all("row")[0]?.focus();

  await panel.press("l");

  expect(panel.one("log").textContent).toBe("This API tells nothing of what jobs print.");
});
