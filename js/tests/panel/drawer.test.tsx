import { afterEach, describe, expect, test } from "vitest";
import failed from "../../../tests/wire/panel-failed.json";
import running from "../../../tests/wire/panel-running.json";
import type { Recorded } from "../fake_model.ts";
import { mount, type Mounted } from "../mount.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

async function opened(recorded: unknown, row = 0): Promise<string> {
  panel = await mount(recorded as Recorded);
  const line = panel.all("row")[row];
  await panel.click(line?.querySelector(".jj-line") as HTMLElement);
  return line?.dataset.id ?? "";
}

const asked = (): (string | null)[] =>
  panel.model.sent.flatMap((message) =>
    message.type === "action" && message.action === "details" ? [message.job] : [],
  );

describe("an open row", () => {
  test("shows facts and the last lines, without escape sequences", async () => {
    const id = await opened(running);

    expect(asked()).toEqual([id]);
    const drawer = panel.one("gridcell", "Details").textContent;
    expect(drawer).toContain(`{"epochs": 10, "lr": 0.0003, "batch": 128}`);
    expect(drawer).toContain("14:03:05 WARN 14 rows dropped");
    expect(drawer).not.toContain("\x1b");
  });

  test("asks again while its job lives, one question at a time", async () => {
    await opened(running);

    await panel.pass(6000);

    expect(asked()).toHaveLength(4);
  });

  test("asks once more when the job ends, then no more", async () => {
    const id = await opened(running);

    panel.model.say({ type: "patch", seq: 2, jobs: { [id]: { status: "SUCCEEDED" } } });
    await panel.pass();
    const questions = asked().length;
    await panel.pass(10_000);

    expect(questions).toBe(2);
    expect(asked()).toHaveLength(2);
  });

  test("that is closed asks no more", async () => {
    await opened(running);
    await panel.click(panel.all("row")[0]?.querySelector(".jj-line") as HTMLElement);

    await panel.pass(10_000);

    expect(asked()).toHaveLength(1);
  });

  test("shows the traceback with the libraries' frames folded, and offers to copy it", async () => {
    await opened(failed);

    const traceback = panel.one("group", "Traceback");
    expect(traceback.querySelector("summary")?.textContent).toBe("2 library frames");
    expect(traceback.querySelector("details")?.open).toBe(false);
    expect(panel.one("button", "Copy traceback")).toBeTruthy();
    expect(panel.one("button", "Copy id")).toBeTruthy();
  });

  test("shows why a job without a traceback failed", async () => {
    await opened(failed, 1);

    const drawer = panel.one("gridcell", "Details").textContent;
    expect(drawer).toContain("killed by SIGKILL: out of memory");
    expect(drawer).toContain("SIGKILL");
  });

  test("shows what the kernel refuses with", async () => {
    await opened(failed, 2);

    expect(panel.one("gridcell", "Details").textContent).toContain("This job is not known.");
  });
});
