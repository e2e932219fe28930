/** The widget: one bridge per model, one panel per view. Nothing is awaited, so that no message is missed. */

import { h, render } from "./dom.ts";
import type { InitializeProps, RenderProps } from "@anywidget/types";
import { Bridge } from "./bridge.ts";
import { Panel } from "./panel/panel.tsx";
import type { Summary } from "./types.ts";
import { UiState } from "./ui_state.ts";

type Model = { summary: Summary };

export default () => {
  let bridge: Bridge;
  return {
    initialize({ model }: Pick<InitializeProps<Model>, "model">): () => void {
      const closed = new AbortController();
      bridge = new Bridge(model, closed.signal);
      return () => closed.abort();
    },
    render({ el }: Pick<RenderProps<Model>, "el">): () => void {
      const detach = bridge.attach();
      render(<Panel view={{ bridge, ui: new UiState() }} />, el);
      return () => {
        render(null, el);
        detach();
      };
    },
  };
};
