/** How true the panel is: one word for the header, and whether what it shows may be old. Pure. */

import type { Connection, ConnectionState } from "./types.ts";

/** `waiting`: nothing heard yet. `live`: it speaks. `silent`: it stopped, or is not there. */
export type Kernel = "waiting" | "live" | "silent";

export interface Presence {
  kind: ConnectionState | "silent";
  tone: "good" | "quiet" | "wait" | "bad";
  word: string;
  /** Whether what is shown may be old: nothing moves and clocks stand still. */
  frozen: boolean;
}

const LOOKS: Readonly<Record<Presence["kind"], readonly [Presence["tone"], string?]>> = {
  connected: ["good", "live"],
  idle: ["quiet"],
  connecting: ["wait"],
  stale: ["wait"],
  reconnecting: ["wait"],
  auth_failed: ["bad", "sign-in needed"],
  closed: ["quiet"],
  silent: ["quiet", "not live"],
};

// Made once: what is drawn from the same presence is not drawn again.
const PRESENCES = Object.fromEntries(
  Object.entries(LOOKS).map(([kind, [tone, word = kind]]) => {
    const frozen = !["connected", "idle", "connecting"].includes(kind);
    return [kind, { kind, tone, word, frozen }];
  }),
) as Readonly<Record<Presence["kind"], Presence>>;

/** A silent kernel outweighs what it last said of its connection. */
export const presenceOf = (kernel: Kernel, { state }: Connection): Presence =>
  PRESENCES[kernel === "live" ? state : kernel === "silent" ? kernel : "connecting"];

/** Whole seconds until the next try, or null when none is planned. */
export function secondsToRetry(connection: Connection, now: number): number | null {
  if (connection.retryAt === null) return null;
  return Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
}
