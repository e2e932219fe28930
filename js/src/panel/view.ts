import type { Bridge } from "../bridge.ts";
import type { Outline } from "../outline.ts";
import { presenceOf, type Presence } from "../presence.ts";
import type { UiState } from "../ui_state.ts";

/** What every part of the panel is drawn from. */
export interface View {
  bridge: Bridge;
  ui: UiState;
}

/** What is the same for all parts of one drawing. */
export interface Moment {
  presence: Presence;
  /** The kernel's clock to the second, for countdowns. */
  wall: number;
  /** The same for the rows; it stands still while they may be old. */
  now: number;
}

export interface PartProps {
  view: View;
  moment: Moment;
}

/** For the parts that show the lines. */
export interface LinesProps extends PartProps {
  outline: Outline;
}

export function momentOf({ bridge }: View): Moment {
  const presence = presenceOf(bridge.kernel, bridge.connection);
  const wall = Math.floor(bridge.now() / 1000) * 1000;
  return { presence, wall, now: presence.frozen ? bridge.asOf || wall : wall };
}
