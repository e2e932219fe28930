import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Row, ToKernel } from "../../src/types.ts";
import { mount, type Mounted } from "../mount.ts";
import { rowOf } from "../rows.ts";

let panel: Mounted;
afterEach(() => panel.unmount());

const some = (count: number, of: Partial<Row>): Row[] =>
  Array.from({ length: count }, (_, index) =>
    rowOf({ ...of, id: `${of.status}-${index}`, name: `${of.name ?? "job"} #${index}` }),
  );
const names = (): (string | null)[] =>
  [...panel.el.querySelectorAll(".jj-list .jj-name")].map((name) => name.textContent);
const type = async (text: string): Promise<void> => {
  const search = panel.el.querySelector("input") as HTMLInputElement;
  search.value = text;
  search.dispatchEvent(new Event("input", { bubbles: true }));
  await panel.pass();
};
const acted = (): (ToKernel & { type: "action" })[] =>
  panel.model.sent.filter((message) => message.type === "action");

test("with eight jobs there is no toolbar, with nine there is", async () => {
  panel = await mount(some(8, { status: "RUNNING" }));
  expect(panel.all("group", "Find jobs")).toEqual([]);
  panel.unmount();

  panel = await mount(some(9, { status: "RUNNING" }));

  expect(panel.all("group", "Find jobs")).toHaveLength(1);
  expect(panel.text()).toContain("9 jobs");
});

describe("of many jobs", () => {
  beforeEach(async () => {
    panel = await mount([
      ...some(4, { status: "FAILED", name: "clean", failure: "ValueError: bad day …" }),
      ...some(3, { status: "RUNNING", name: "train", tags: ["gpu"] }),
      ...some(20, { status: "SUCCEEDED", name: "clean" }),
    ]);
  });
  const chip = (name: string): HTMLElement => panel.one("button", name);

  test("pressed counts filter, also several, and a second press releases", async () => {
    await panel.click(chip("3 running"));
    expect(chip("3 running").getAttribute("aria-pressed")).toBe("true");
    expect(panel.text()).toContain("3 of 27");
    await panel.click(chip("4 failed"));
    expect(panel.text()).toContain("7 of 27");
    await panel.click(chip("3 running"));
    await panel.click(chip("4 failed"));

    expect(panel.text()).toContain("27 jobs");
  });

  test("a count that is pressed while only the header is shown shows the jobs as well", async () => {
    await panel.click(panel.one("button", "Show only this line"));

    await panel.click(chip("3 running"));

    expect(names()).toHaveLength(3);
  });

  test("the search shows what matches, or that nothing does, and the way back", async () => {
    await type("gpu #2");
    expect(names()).toEqual(["train #2"]);
    await type("nowhere");
    expect(panel.text()).toContain("No job matches.");
    expect(panel.el.querySelector<HTMLElement>(".jj-none")?.style.height).toBe("256px");

    await panel.click(panel.all("button", "Show all")[0] as HTMLElement);

    expect(panel.text()).toContain("27 jobs");
    expect(panel.el.querySelector("input")?.value).toBe("");
  });

  test("groups have their numbers in words", async () => {
    const chosen = panel.el.querySelector("select") as HTMLSelectElement;
    chosen.value = "name";
    chosen.dispatchEvent(new Event("change", { bubbles: true }));
    await panel.pass();

    expect(names()).toEqual(["4 × ValueError: bad day …", "train", "clean"]);
    const bar = panel.one("progressbar", "Progress of clean");
    expect(bar.getAttribute("aria-valuetext")).toBe("100%, 24 of 24 finished");
    const counts = panel.all("row").at(-1)?.querySelectorAll(".jj-count") ?? [];
    expect(
      [...counts].map((count) => `${count.textContent} ${count.getAttribute("title")}`),
    ).toEqual(["4 failed"]);
  });

  test("all that failed is retried by one click", async () => {
    await panel.click(chip("4 failed"));

    await panel.click(panel.all("button", "Retry these 4")[0] as HTMLElement);

    expect(acted()).toMatchObject([{ action: "retry" }]);
    expect(acted()[0]?.jobs).toHaveLength(4);
    expect(panel.one("group", "Find jobs").textContent).toContain("4 retrying…");
  });

  test("all that runs is cancelled after a question that says how many", async () => {
    await panel.click(chip("3 running"));
    await panel.click(panel.one("button", "Cancel these 3"));
    expect(panel.text()).toContain("Cancel these 3 jobs?");
    expect(document.activeElement).toBe(panel.one("button", "Cancel 3 jobs"));
    await panel.press("Escape");
    expect(acted()).toEqual([]);
    await panel.click(panel.one("button", "Cancel these 3"));

    await panel.click(panel.one("button", "Cancel 3 jobs"));

    expect(acted()).toMatchObject([{ action: "cancel" }]);
    expect(acted()[0]?.jobs).toHaveLength(3);
  });

  test("for states that have no verb in common none is offered", async () => {
    await panel.click(chip("4 failed"));
    await panel.click(chip("3 running"));

    expect(panel.one("group", "Find jobs").textContent).not.toMatch(/these/);
  });

  test("a column sorts down, up, and then trouble is first again", async () => {
    const sorted = (): (string | null | undefined)[] =>
      panel.all("columnheader").map((head) => head.getAttribute("aria-sort"));
    const first = names();
    await panel.click(panel.one("button", "Name"));
    expect(sorted()).toEqual(["none", "descending", "none", "none", null]);
    const down = names();
    await panel.click(panel.one("button", "Name"));
    expect(sorted()[1]).toBe("ascending");
    expect(names()[0]).not.toBe(down[0]);
    await panel.click(panel.one("button", "Name"));

    expect(sorted()[1]).toBe("none");
    expect(names().slice(0, 5)).toEqual(first.slice(0, 5));
  });

  test("the list keeps its height while a filter leaves fewer jobs", async () => {
    const before = panel.one("rowgroup").style.height;

    await panel.click(chip("3 running"));

    expect(panel.one("rowgroup").style.height).toBe(before);
  });

  test("a failure's line opens its card and its jobs, and closes both", async () => {
    await panel.click(panel.el.querySelector(".jj-group") as HTMLElement);
    expect(names().slice(1, 5)).toEqual(["clean #0", "clean #1", "clean #2", "clean #3"]);
    expect(panel.all("gridcell", /ValueError/).length).toBeGreaterThan(0);

    await panel.click(panel.el.querySelector(".jj-group") as HTMLElement);

    expect(panel.all("row")[1]?.getAttribute("aria-expanded")).toBe("false");
    expect(names()[1]).toBe("train #0");
  });
});
