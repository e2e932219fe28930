/**
 * The panel without a notebook: every scene in both themes, fed from `tests/wire/panel-*.json`.
 *   demo.html?scene=mixed&theme=dark&width=560     one scene (`tests/browser/gallery.py` takes their pictures)
 *   demo.html?scene=storm                          10,000 jobs, 500 changes at 20 Hz
 *   demo.html                                      all of them, one below the other
 */

import done from "../tests/wire/panel-done.json";
import empty from "../tests/wire/panel-empty.json";
import failed from "../tests/wire/panel-failed.json";
import mixed from "../tests/wire/panel-mixed.json";
import reconnecting from "../tests/wire/panel-reconnecting.json";
import refused from "../tests/wire/panel-refused.json";
import running from "../tests/wire/panel-running.json";
import silent from "../tests/wire/panel-silent.json";
import widget from "./src/widget.tsx";
import { FakeModel, replay, type Recorded } from "./tests/fake_model.ts";
import { manyRows, recordedOf, stormPatch } from "./tests/many.ts";

interface Scene {
  model(): FakeModel;
  /** What a reader does once the panel is there. */
  act?(panel: HTMLElement, model: FakeModel): void;
}

const recorded = (file: unknown): Scene => ({ model: () => replay(file as Recorded) });
const line = (panel: HTMLElement, row: number): HTMLElement =>
  panel.querySelectorAll<HTMLElement>(".jj-line")[row] as HTMLElement;
const open =
  (row: number) =>
  (panel: HTMLElement): void =>
    line(panel, row).click();

const SCENES: Record<string, Scene> = {
  empty: recorded(empty),
  running: recorded(running),
  "running-open": { ...recorded(running), act: open(0) },
  "running-ask": {
    ...recorded(running),
    act: (panel) => line(panel, 1).querySelector("button")?.click(),
  },
  mixed: recorded(mixed),
  "mixed-open": { ...recorded(mixed), act: open(2) },
  done: recorded(done),
  "done-open": { ...recorded(done), act: open(0) },
  failed: recorded(failed),
  "failed-open": { ...recorded(failed), act: open(0) },
  collapsed: {
    ...recorded(mixed),
    act: (panel) => panel.querySelector<HTMLElement>(".jj-header button")?.click(),
  },
  reconnecting: recorded(reconnecting),
  refused: recorded(refused),
  silent: { ...recorded(silent), act: (_panel, model) => model.emit("comm_live_update") },
  many: { model: () => replay(recordedOf(manyRows(10_000))) },
  storm: {
    model: () => replay(recordedOf(manyRows(10_000))),
    act: (_panel, model) => {
      let seq = 1;
      setInterval(() => model.say(stormPatch((seq += 1), 10_000, 500)), 50);
    },
  },
};

function show(name: string, into: HTMLElement): void {
  const scene = SCENES[name];
  if (!scene) throw new Error(`no scene ${name}; there are ${Object.keys(SCENES).join(", ")}`);
  const model = scene.model();
  const el = document.createElement("div");
  into.append(el);
  const { initialize, render } = widget();
  initialize({ model: model as unknown as Parameters<typeof initialize>[0]["model"] });
  render({ el });
  requestAnimationFrame(() => setTimeout(() => scene.act?.(el, model), 20));
}

const asked = new URLSearchParams(location.search);
document.documentElement.dataset.theme = asked.get("theme") ?? "light";
document.body.style.width = asked.has("width") ? `${asked.get("width")}px` : "";
const one = asked.get("scene");
for (const name of one ? [one] : Object.keys(SCENES).filter((scene) => scene !== "storm")) {
  if (!one)
    document.body.append(Object.assign(document.createElement("h2"), { textContent: name }));
  show(name, document.body);
}
