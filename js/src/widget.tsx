/** The widget: one bridge per model, one panel per view. Nothing is awaited, so that no message is missed. */

import { h, render } from "./dom.ts";
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { bridgeOf, type Bridge } from "./bridge.ts";
import { Panel } from "./panel/panel.tsx";
import type { Summary } from "./types.ts";
import { UiState } from "./ui_state.ts";

type Model = { summary: Summary };

/** How long a view's choices wait for the next one: an output is drawn anew, or its cell is run again. */
const KEPT_MS = 10_000;

export default () => {
  let bridge: Bridge;
  let left: { ui: UiState; at: number } | undefined;
  return {
    initialize({ model }: Pick<InitializeProps<Model>, "model">): () => void {
      const closed = new AbortController();
      bridge = bridgeOf(model, closed.signal);
      return () => closed.abort();
    },
    render({ el }: Pick<RenderProps<Model>, "el">): () => void {
      const detach = bridge.attach();
      const ui = left && Date.now() - left.at < KEPT_MS ? left.ui : new UiState();
      left = undefined;
      render(<Panel view={{ bridge, ui }} />, el);
      return () => {
        render(null, el);
        detach();
        left = { ui, at: Date.now() };
      };
    },
  };
};
