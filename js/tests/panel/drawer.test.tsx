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
    expect(attempts[0]).toBe("failed 2.0s · ValueError: bad day '2026-13-01'");
    expect(attempts[1]).toMatch(/^succeeded 4\.\ds$/);
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
