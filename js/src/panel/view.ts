import type { Bridge } from "../bridge.ts";
import type { Outline } from "../outline.ts";
import { presenceOf, type Presence } from "../presence.ts";
import type { Connection, Counts } from "../types.ts";
import type { UiState } from "../ui_state.ts";

/** What every part of the panel is drawn from. */
export interface View {
  bridge: Bridge;
  ui: UiState;
}

/** What is the same for all parts of one drawing. A part for which nothing of it is new is not drawn again. */
export interface Moment {
  presence: Presence;
  /** The kernel's clock to the second, for countdowns. */
  wall: number;
  /** The same for the rows; it stands still while they may be old. */
  now: number;
  /** What the parts look up for themselves. */
  facts: string;
  chosen: UiState["now"];
  connection: Connection;
  counts: Readonly<Counts>;
}

export interface PartProps extends Moment {
  view: View;
  outline: Outline;
}

export function momentOf({ bridge, ui }: View, { shown, groupedBy }: Outline): Moment {
  const { kernel, connection, backend, waiting, store } = bridge;
  const presence = presenceOf(kernel, connection);
  const wall = Math.floor(bridge.now() / 1000) * 1000;
  return {
    presence,
    wall,
    now: presence.frozen ? bridge.asOf || wall : wall,
    facts: `${[kernel, backend, waiting, store.size, store.total, shown, groupedBy]}`,
    chosen: ui.now,
    connection,
    counts: store.counts,
  };
}
