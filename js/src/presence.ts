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

const LOOKS: Readonly<Record<Presence["kind"], [Presence["tone"], string, boolean]>> = {
  connected: ["good", "live", false],
  idle: ["quiet", "idle", false],
  connecting: ["wait", "connecting", false],
  stale: ["wait", "stale", true],
  reconnecting: ["wait", "reconnecting", true],
  auth_failed: ["bad", "sign-in needed", true],
  closed: ["quiet", "closed", true],
  silent: ["quiet", "not live", true],
};

/** A silent kernel outweighs what it last said of its connection. */
export function presenceOf(kernel: Kernel, connection: Connection): Presence {
  const kind = kernel === "live" ? connection.state : kernel === "silent" ? "silent" : "connecting";
  const [tone, word, frozen] = LOOKS[kind];
  return { kind, tone, word, frozen };
}

/** Whole seconds until the next try, or null when none is planned. */
export function secondsToRetry(connection: Connection, now: number): number | null {
  if (connection.retryAt === null) return null;
  return Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
}
