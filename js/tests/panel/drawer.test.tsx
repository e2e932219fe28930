import { afterEach, describe, expect, test, vi } from "vitest";
import failed from "../../../tests/wire/panel-failed.json";
import failures from "../../../tests/wire/panel-failures.json";
import running from "../../../tests/wire/panel-running.json";
import type { Details, ToKernel } from "../../src/types.ts";
import type { Recorded } from "../fake_model.ts";
import { recordedOf } from "../many.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => {
  panel.unmount();
  vi.unstubAllGlobals();
});

async function opened(recorded: unknown, name: string): Promise<string> {
  panel = await mount(recorded as Recorded);
  const line = panel.all("row").find((row) => row.textContent?.includes(name)) as HTMLElement;
  await panel.click(line.querySelector(".jj-line") as HTMLElement);
  return line.dataset.key ?? "";
}

type Act = ToKernel & { type: "action" };
const asked = (action: string): Act[] =>
  panel.model.sent.filter(
    (message): message is Act => message.type === "action" && message.action === action,
  );
const drawer = (): HTMLElement =>
  panel.one("tablist", /^Details of/).closest(".jj-pane") as HTMLElement;

describe("an open row", () => {
  test("shows facts and the last lines, without escape sequences", async () => {
    const id = await opened(running, "train");

    expect(asked("details").map((act) => act.jobs)).toEqual([[id]]);
    const text = drawer().textContent;
    expect(text).toContain(`{"epochs": 10, "lr": 0.0003, "batch": 128}`);
    expect(text).toContain("train.ipynb, cell 5");
    expect(text).toContain("14:03:05 WARN 14 rows dropped");
    expect(text).not.toContain("\x1b");
  });

  test("asks again while its job lives, one question at a time", async () => {
    await opened(running, "train");

    await panel.pass(6000);

    expect(asked("details")).toHaveLength(4);
  });

  test("asks once more when the job ends, then no more", async () => {
    const id = await opened(running, "train");

    panel.model.say({ type: "patch", seq: 2, jobs: { [id]: { status: "SUCCEEDED" } } });
    await panel.pass();
    const questions = asked("details").length;
    await panel.pass(10_000);

    expect(questions).toBe(2);
    expect(asked("details")).toHaveLength(2);
  });

  test("that is closed asks no more", async () => {
    await opened(running, "train");
    await panel.click(panel.all("row")[0]?.querySelector(".jj-line") as HTMLElement);

    await panel.pass(10_000);

    expect(asked("details")).toHaveLength(1);
  });

  test("shows the reader's own calls, nearest first, and folds the libraries'", async () => {
    await opened(failed, "clean raw/2026-13-01.csv");

    const own = [...drawer().querySelectorAll(".jj-frame")].map((frame) => frame.textContent);
    expect(own).toEqual([
      "clean.py:41 in parse_dayreturn datetime.fromisoformat(text)",
      "clean.py:58 in cleandays = [parse_day(name) for name in names]",
    ]);
    expect(drawer().querySelector("summary")?.textContent).toBe("Whole traceback");
    expect(drawer().querySelector("details")?.open).toBe(false);
  });

  test("shows why a job without a traceback failed", async () => {
    await opened(failed, "train");

    expect(drawer().textContent).toContain("killed by SIGKILL: out of memory");
    expect(drawer().textContent).toContain("SIGKILL");
  });

  test("shows what the kernel refuses with", async () => {
    await opened(failed, "clean raw/2026-11.csv");

    expect(drawer().textContent).toContain("This job is not known.");
  });

  test("shows each attempt of a job that was retried", async () => {
    const [id, details] = Object.entries((failures as unknown as Recorded).details).find(
      ([, { attempts }]) => attempts.length > 1,
    ) as [string, Details];
    const row = rowOf({ id, status: "SUCCEEDED", name: "again", attempt: 2 });
    await opened({ ...recordedOf([row]), details: { [id]: details } }, "again");

    const attempts = [...drawer().querySelectorAll(".jj-attempt")].map((each) => each.textContent);
    expect(attempts[0]).toMatch(/^failed \d\.\ds · ValueError: bad day '/);
    expect(attempts[1]).toMatch(/^succeeded 4\.\ds$/);
  });

  const told = (given: Partial<Details>): Recorded => ({
    ...recordedOf([rowOf({ id: "a", name: "train" })]),
    details: {
      a: { pairs: [], charts: [], error: null, log: [], attempts: [], version: 1, ...given },
    },
  });
  const facts = (): string[] =>
    [...drawer().querySelectorAll("dl > div")].map((pair) => pair.textContent ?? "");

  test("shows facts in the kernel's words, moments in the reader's time", async () => {
    const started = new Date(2020, 0, 2, 3, 4, 5).getTime();
    const pairs = [
      ["rules", "3 retries\x1b[0m"],
      ["started", started],
      ["history", [["failed after 3s", null]]],
    ] as const;
    await opened(told({ pairs }), "train");

    expect(facts()).toEqual([
      "rules3 retries",
      "started2020-01-02 03:04:05",
      "historyfailed after 3s",
    ]);
  });

  test("offers code and the paths of files to be copied", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    const files = [
      ["model.pt · 12 MB", "/home/ada/model.pt"],
      ["and 3 more", null],
    ] as const;
    await opened(
      told({
        pairs: [
          ["id", { code: "a" }],
          ["files", files],
        ],
      }),
      "train",
    );

    const buttons = panel.all("button", "Copy");
    for (const button of buttons) await panel.click(button);

    expect(facts()).toEqual(["idaCopied", "filesmodel.pt · 12 MBCopiedand 3 more"]);
    expect(writeText.mock.calls).toEqual([["a"], ["/home/ada/model.pt"]]);
  });

  test("draws each number that the job tells", async () => {
    await opened(
      told({
        charts: [
          ["loss 0.21", "0,13 48,1"],
          ["acc 0.9", "0,1 48,13"],
        ],
      }),
      "train",
    );

    const lines = [...drawer().querySelectorAll("polyline")];
    expect(lines.map((line) => line.getAttribute("points"))).toEqual(["0,13 48,1", "0,1 48,13"]);
    expect(drawer().textContent).toContain("loss 0.21");
  });

  test("asks before it cancels, and retries at once", async () => {
    const id = await opened(running, "train");
    await panel.click(panel.one("button", "Cancel"));
    expect(asked("cancel")).toEqual([]);
    expect(panel.all("button", "Cancel job")).toHaveLength(1);
    panel.model.say({ type: "patch", seq: 2, jobs: { [id]: { status: "CANCELLED" } } });
    await panel.press("Escape");

    await panel.click(panel.one("button", "Retry"));

    expect(asked("retry").map((act) => act.jobs)).toEqual([[id]]);
  });

  test("copies a cell that runs the job here", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    await opened(failed, "clean raw/2026-13-01.csv");

    await panel.click(panel.one("button", "Copy repro"));
    const { actionId, page } = asked("repro")[0] as Act;
    panel.model.say({ type: "reply", actionId, page, ok: true, data: { code: "clean()" } });
    await panel.pass();

    expect(writeText).toHaveBeenCalledWith("clean()");
    expect(panel.all("button", "Copied: paste it into a cell")).toHaveLength(1);
  });

  test("has two tabs, and the arrow keys go from one to the other", async () => {
    await opened(running, "train");
    expect(panel.all("tab").map((tab) => tab.getAttribute("aria-selected"))).toEqual([
      "true",
      "false",
    ]);

    await panel.press("ArrowRight", panel.one("tab", "Details"));

    expect(document.activeElement).toBe(panel.one("tab", "Log"));
    expect(panel.one("tab", "Log").getAttribute("aria-selected")).toBe("true");
    expect(panel.one("tabpanel", "Log")).toBeTruthy();
  });
});
