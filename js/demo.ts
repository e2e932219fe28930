/**
 * The panel without a notebook: every scene in both themes, fed from `tests/wire/panel-*.json` by a kernel that answers.
 *   demo.html?scene=mixed&theme=dark&width=560     one scene (`tests/browser/gallery.py` takes their pictures)
 *   demo.html?scene=storm                          10,000 jobs, 500 changes at 20 Hz
 *   demo.html                                      all of them, one below the other
 */

import done from "../tests/wire/panel-done.json";
import empty from "../tests/wire/panel-empty.json";
import failed from "../tests/wire/panel-failed.json";
import failures from "../tests/wire/panel-failures.json";
import mixed from "../tests/wire/panel-mixed.json";
import reconnecting from "../tests/wire/panel-reconnecting.json";
import refused from "../tests/wire/panel-refused.json";
import running from "../tests/wire/panel-running.json";
import silent from "../tests/wire/panel-silent.json";
import { batch, long } from "./demo_long.ts";
import { DemoKernel, type Manner } from "./demo_kernel.ts";
import type { Connection } from "./src/types.ts";
import widget from "./src/widget.tsx";
import type { FakeModel, Recorded } from "./tests/fake_model.ts";
import { manyRows, recordedOf, stormPatch } from "./tests/many.ts";

interface Scene {
  kernel(): DemoKernel;
  /** What a reader does, one thing after the other, once the panel is there. */
  acts?: readonly ((panel: HTMLElement, model: FakeModel) => void)[];
  /** Another host's variables. */
  host?: "vscode";
  /** Left out where all scenes are shown: too lively or too large for it. */
  alone?: boolean;
}

const asked = new URLSearchParams(location.search);
const { dataset } = document.documentElement;

type Step = NonNullable<Scene["acts"]>[number];

const from = (file: unknown, manner?: Manner): (() => DemoKernel) => {
  return () => new DemoKernel(file as Recorded, manner);
};
const many = (count: number): (() => DemoKernel) => {
  return () => new DemoKernel(recordedOf(manyRows(count)));
};
const withConnection = (file: unknown, changes: Partial<Connection>): Recorded => {
  const changed = structuredClone(file) as Recorded;
  for (const message of changed.messages)
    if (message.type === "snapshot") Object.assign(message.connection, changes);
  return changed;
};

const find = (panel: HTMLElement, selector: string, text = ""): HTMLElement => {
  const all = [...panel.querySelectorAll<HTMLElement>(selector)];
  const found = all.find((element) =>
    ((element.getAttribute("aria-label") ?? "") + element.textContent).includes(text),
  );
  if (!found) throw new Error(`nothing fits ${selector} ${text}`);
  return found;
};
const click =
  (selector: string, text = ""): Step =>
  (panel) =>
    find(panel, selector, text).click();
const press =
  (key: string, text = ""): Step =>
  (panel) => {
    const row = find(panel, "[role=row][tabindex]", text);
    row.focus();
    row.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };
const type =
  (text: string, into = ".jj-search"): Step =>
  (panel) => {
    const field = find(panel, into) as HTMLInputElement;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
const WRONG = '{\n  "day": "2026-11-22",\n  strict: true\n}';
const open = (text = ""): Step => click(".jj-line", text);

const SCENES: Record<string, Scene> = {
  empty: { kernel: from(empty) },
  running: { kernel: from(running) },
  "running-open": { kernel: from(running), acts: [open("train")] },
  log: { kernel: from(running), acts: [press("l", "train")] },
  "cancel-asking": { kernel: from(running), acts: [press("x", "features")] },
  mixed: { kernel: from(mixed) },
  "mixed-open": { kernel: from(mixed), acts: [open("fetch weather")] },
  "cancel-many": {
    kernel: from(mixed),
    acts: [click(".jj-chip", "queued"), click("button", "Cancel these")],
  },
  done: { kernel: from(done) },
  "done-open": { kernel: from(done), acts: [open()] },
  failed: { kernel: from(failed) },
  "failed-open": { kernel: from(failed), acts: [open("clean")] },
  failures: { kernel: from(failures) },
  "failures-open": { kernel: from(failures), acts: [open("bad day")] },
  "failures-lost": { kernel: from(failures), acts: [open("lost")] },
  "retry-sent": {
    kernel: from(failures, { busy: true }),
    acts: [open("bad day"), click(".jj-line button", "Retry these 37")],
  },
  collapsed: { kernel: from(mixed), acts: [click("button", "Show only this line")] },
  help: { kernel: from(running), acts: [press("?")] },
  busy: {
    kernel: from(running, { busy: true }),
    acts: [press("x", "train"), click("button", "Cancel job")],
  },
  reconnecting: { kernel: from(reconnecting) },
  stale: {
    kernel: from(withConnection(reconnecting, { state: "stale", detail: "", retryAt: null })),
  },
  refused: { kernel: from(refused) },
  closed: { kernel: from(withConnection(reconnecting, { state: "closed", detail: "" })) },
  silent: {
    kernel: from(silent),
    acts: [(_panel, model) => model.emit("comm_live_update")],
  },
  many: { kernel: many(10_000) },
  "many-searched": { kernel: many(10_000), acts: [type("sweep b 42")] },
  "many-filtered": { kernel: many(10_000), acts: [click(".jj-chip", "running")] },
  long: { kernel: from(long) },
  "long-open": { kernel: from(long), acts: [open("train")] },
  "long-end": {
    kernel: from(long),
    acts: [open("train"), (panel) => find(panel, ".jj-body:has(dl)").scrollTo(0, 1000)],
  },
  "again-sent": {
    kernel: from(long, { busy: true }),
    acts: [click(".jj-line button", "Run again anyway")],
  },
  batch: { kernel: from(batch) },
  form: { kernel: from(running), acts: [press("n")] },
  "form-wrong": {
    kernel: from(running),
    acts: [press("n"), type("Clean data", "form input"), type(WRONG, "textarea")],
  },
  "form-refused": {
    kernel: from(running),
    acts: [press("n"), type("Clean dat", "form input"), click("button", "Submit")],
  },
  vscode: { kernel: from(mixed), host: "vscode" },
  shy: { kernel: shyKernel, alone: true },
  "many-more": { kernel: many(100_000), alone: true },
  storm: { kernel: many(10_000), acts: [storm], alone: true },
};

function storm(_panel: HTMLElement, model: FakeModel): void {
  let seq = 1;
  setInterval(() => model.say(stormPatch((seq += 1), 10_000, 500)), 50);
}

/** A host that does not push: what happens is told when the page asks. */
function shyKernel(): DemoKernel {
  const kernel = new DemoKernel(running as unknown as Recorded, { shy: true });
  const [train] = kernel.rows();
  let done = train?.done ?? 0;
  setInterval(() => {
    done = Math.min(10_000, done + 40);
    if (train) kernel.change({ [train.id]: { done, progress: done / 10_000 } });
  }, 500);
  return kernel;
}

function show(name: string, into: HTMLElement): void {
  const scene = SCENES[name];
  if (!scene) throw new Error(`no scene ${name}; there are ${Object.keys(SCENES).join(", ")}`);
  const { model } = scene.kernel();
  const el = document.createElement("div");
  if (scene.host) el.dataset.host = scene.host;
  into.append(el);
  const { initialize, render } = widget();
  initialize({ model: model as unknown as Parameters<typeof initialize>[0]["model"] });
  render({ el });
  const acts = [...(scene.acts ?? [])];
  let tries = 0;
  const play = (): void => {
    try {
      acts[0]?.(el, model);
      acts.shift();
    } catch (error) {
      if ((tries += 1) > 50) throw error; // what it is for may not be drawn yet
    }
    // The last act may take the kernel's answer and a drawing, or the patience with one that does not answer.
    if (acts.length) setTimeout(play, 60);
    else setTimeout(() => (dataset.played = "yes"), 450);
  };
  setTimeout(play, 60);
}

dataset.theme = asked.get("theme") ?? "light";
document.body.style.width = asked.has("width") ? `${asked.get("width")}px` : "";
const one = asked.get("scene");
const names = Object.keys(SCENES);
for (const name of one ? [one] : names.filter((scene) => !SCENES[scene]?.alone)) {
  if (!one)
    document.body.append(Object.assign(document.createElement("h2"), { textContent: name }));
  show(name, document.body);
}
