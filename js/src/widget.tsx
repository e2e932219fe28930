/** The widget: one bridge per model, one panel per view. Nothing is awaited, so that no message is missed. */

import { h, render } from "./dom.ts";
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { bridgeOf, type Bridge } from "./bridge.ts";
import { Panel } from "./panel/panel.tsx";
import type { Summary } from "./types.ts";
import { UiState } from "./ui_state.ts";

type Model = { summary: Summary };

/** How long it may take until a new view is in the page. */
const SHOWN_MS = 500;

export default () => {
  let bridge: Bridge;
  let last: { ui: UiState; el: HTMLElement; at: number } | undefined;
  return {
    initialize({ model }: Pick<InitializeProps<Model>, "model">): () => void {
      const closed = new AbortController();
      bridge = bridgeOf(model, closed.signal);
      return () => closed.abort();
    },
    render({ el }: Pick<RenderProps<Model>, "el">): () => void {
      const detach = bridge.attach();
      // A view takes over the choices of the one whose place it takes: an output is drawn anew, or its cell is run again.
      // JupyterLab may do so without ever telling the old one to go.
      const now = Date.now();
      const ui = last && !last.el.isConnected && now - last.at > SHOWN_MS ? last.ui : new UiState();
      const view = (last = { ui, el, at: now });
      render(<Panel view={{ bridge, ui }} />, el);
      return () => {
        render(null, el);
        detach();
        view.at = 0; // it was there
      };
    },
  };
};
