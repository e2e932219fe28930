/**
 * How each state looks: a shape of its own, a word, and a colour of the style sheet (`jj-s-…` sets `--jj-state`); and
 * what a reader may do about it.
 */

import { h, type ComponentChildren, type JSX } from "./dom.ts";
import type { Status, Verb } from "./types.ts";

interface Look {
  word: string;
  /** The class that brings the state's colour. */
  token: string;
  verb: Verb | null;
  /** The outer shape, by its class, and what is drawn into it. */
  base: "ring" | "dash" | "disc" | "";
  path: string;
}

const look = (
  word: string,
  token: string,
  verb: Verb | null,
  base: Look["base"],
  path: string,
): Look => ({ word, token: `jj-s-${token}`, verb, base, path });

/** In the order of the header's counts: trouble first. */
export const STATES: Readonly<Record<Status, Look>> = {
  FAILED: look("failed", "failed", "retry", "disc", "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"),
  TIMED_OUT: look(
    "timed out",
    "failed",
    "retry",
    "",
    "M3.75 1.75h8.5M3.75 14.25h8.5M4.9 2v2.1c0 1.9 3.1 2.6 3.1 3.9s-3.1 2-3.1 3.9V14M11.1 2v2.1c0 1.9-3.1 2.6-3.1 3.9s3.1 2 3.1 3.9V14M6.6 12.4c.3-.6.8-.9 1.4-1.3.6.4 1.1.7 1.4 1.3z",
  ),
  LOST: look(
    "lost",
    "lost",
    "retry",
    "",
    "M5.6 2.25A6.25 6.25 0 0 0 4.2 12.95M10.4 13.75A6.25 6.25 0 0 0 11.8 3.05M9.2 3.6L6.6 8h2.8l-2.6 4.4",
  ),
  RUNNING: look("running", "running", "cancel", "ring", ""),
  CANCELLING: look("cancelling", "cancelling", null, "ring", "M5 8h6"),
  QUEUED: look("queued", "queued", "cancel", "dash", ""),
  SUCCEEDED: look("succeeded", "succeeded", null, "disc", "M4.9 8.3l2.1 2.1 4.1-4.6"),
  CANCELLED: look("cancelled", "cancelled", "retry", "ring", "M3.75 12.25l8.5-8.5"),
};

/** All states, trouble first. */
export const STATUSES = Object.keys(STATES) as Status[];

/** A drawing of one line on the grid of icons. */
export const Icon = (props: { kind: string; children: ComponentChildren }): JSX.Element => (
  <svg class={`jj-icon ${props.kind}`} viewBox="0 0 16 16" aria-hidden="true">
    {props.children}
  </svg>
);

/** A state's shape in its colour; `part` fills the ring of a running job. Words beside it name the state. */
export function StateIcon(props: {
  status: Status;
  part?: number | null;
  pulse?: boolean;
}): JSX.Element {
  const { status, part, pulse } = props;
  const { token, base, path } = STATES[status];
  const runs = status === "RUNNING";
  return (
    <Icon kind={pulse && runs ? `${token} jj-pulse` : token}>
      {[
        base && <circle class={`jj-${base}`} cx="8" cy="8" r={base === "disc" ? 7 : 6.25} />,
        // A circle of radius 2 drawn 4 wide is a pie; its dash is the slice, from twelve o'clock onwards.
        runs && (
          <circle
            class="jj-pie"
            cx="8"
            cy="8"
            r="2"
            pathLength="100"
            stroke-dasharray={`${((part ?? 0.25) * 100).toFixed(1)} 100`}
            transform="rotate(-90 8 8)"
          />
        ),
        path && <path class={base === "disc" ? "jj-cut" : ""} d={path} />,
      ]}
    </Icon>
  );
}
