/** The widget: one bridge per model, one panel per view. Nothing is awaited, so that no message is missed. */

import { h, render } from "./dom.ts";
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { bridgeOf, type Bridge } from "./bridge.ts";
import { Panel } from "./panel/panel.tsx";
import type { Summary } from "./types.ts";
import { UiState } from "./ui_state.ts";

type Model = { summary: Summary };

/** A view that went; its place is taken at once where an output is only drawn anew, or a cell is run again. */
interface Left {
  bridge: Bridge;
  ui: UiState;
  at: number;
}

const KEPT_MS = 3_000;

// A module may be loaded once per model, so what one view leaves to the next stands in the page.
const page = globalThis as { jupyterJobsLeft?: Left[] };

/** What the view showed that this one replaces, else a fresh start. */
function adopt(bridge: Bridge): UiState {
  const left = (page.jupyterJobsLeft ?? []).filter(({ at }) => Date.now() - at < KEPT_MS);
  const heir =
    left.find((view) => view.bridge === bridge) ??
    left.find((view) => view.bridge.backend === bridge.backend);
  page.jupyterJobsLeft = left.filter((view) => view !== heir);
  if (!heir) return new UiState();
  if (heir.bridge !== bridge) heir.ui.set({ acts: new Map(), asking: null });
  return heir.ui;
}

export default () => {
  let bridge: Bridge;
  return {
    initialize({ model }: Pick<InitializeProps<Model>, "model">): () => void {
      const closed = new AbortController();
      bridge = bridgeOf(model, closed.signal);
      return () => closed.abort();
    },
    render({ el }: Pick<RenderProps<Model>, "el">): () => void {
      const detach = bridge.attach();
      const ui = adopt(bridge);
      render(<Panel view={{ bridge, ui }} />, el);
      return () => {
        render(null, el);
        detach();
        (page.jupyterJobsLeft ??= []).push({ bridge, ui, at: Date.now() });
      };
    },
  };
};
