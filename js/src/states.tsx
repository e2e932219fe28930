/**
 * How each state looks: a shape of its own, a word, and a colour of the style sheet (`jj-s-…` sets `--jj-state`); and
 * what a reader may do about it.
 */

import { h, memo, type ComponentChildren, type JSX } from "./dom.ts";
import type { Status, Verb } from "./types.ts";

interface Look {
  word: string;
  /** The class that brings the state's colour. */
  token: string;
  verb: Verb | null;
  /** The outer shape, by its class, and what is drawn into it. */
  base: "jj-ring" | "jj-dash" | "jj-disc" | "";
  path: string;
}

const SHAPES: Readonly<Record<Status, readonly [Verb | null, Look["base"], string?]>> = {
  FAILED: ["retry", "jj-disc", "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"],
  TIMED_OUT: ["retry", "", "M4 2h8M4 14h8M5 2c0 4 6 8 6 12M11 2c0 4-6 8-6 12M7 12.4h2"],
  LOST: [
    "retry",
    "",
    "M5.6 2.25A6.25 6.25 0 0 0 4.2 12.95M10.4 13.75A6.25 6.25 0 0 0 11.8 3.05M9.2 3.6L6.6 8h2.8l-2.6 4.4",
  ],
  RUNNING: ["cancel", "jj-ring"],
  CANCELLING: [null, "jj-ring", "M5 8h6"],
  QUEUED: ["cancel", "jj-dash"],
  SUCCEEDED: [null, "jj-disc", "M4.9 8.3l2.1 2.1 4.1-4.6"],
  CANCELLED: ["retry", "jj-ring", "M3.75 12.25l8.5-8.5"],
};

/** In the order of the header's counts: trouble first. */
export const STATES = Object.fromEntries(
  Object.entries(SHAPES).map(([status, [verb, base, path = ""]]) => {
    const word = status.toLowerCase().replace("_", " ");
    return [status, { word, token: `jj-s-${word.split(" ")[0]}`, verb, base, path }];
  }),
) as Readonly<Record<Status, Look>>;

/** A drawing of one line on the grid of icons. */
export function Icon(props: {
  kind: string;
  /** What it stands for, where no words beside it say so. */
  says?: string | undefined;
  children: ComponentChildren;
}): JSX.Element {
  const { kind, says, children } = props;
  return (
    <svg
      class={`jj-icon ${kind}`}
      viewBox="0 0 16 16"
      role={says ? "img" : undefined}
      aria-label={says}
      aria-hidden={!says || undefined}
    >
      {children}
    </svg>
  );
}

/** A state's shape in its colour; `part` fills the ring of a running job. */
export const StateIcon = memo(
  (props: {
    status: Status;
    /** Whether no words beside it name the state. */
    alone?: boolean;
    part?: number | null;
    pulse?: boolean;
  }): JSX.Element => {
    const { status, alone, part, pulse } = props;
    const { token, base, path, word } = STATES[status];
    const runs = status === "RUNNING";
    return (
      <Icon kind={pulse && runs ? `${token} jj-pulse` : token} says={alone ? word : undefined}>
        {[
          base && <circle class={base} cx="8" cy="8" r={base === "jj-disc" ? 7 : 6.25} />,
          // A circle of radius 2 drawn 4 wide is a pie; its dash is the slice, from twelve o'clock onwards.
          runs && (
            <circle
              class="jj-pie"
              cx="8"
              cy="8"
              r="2"
              pathLength="100"
              stroke-dasharray={`${(part ?? 0.25) * 100} 100`}
              transform="rotate(-90 8 8)"
            />
          ),
          path && <path class={base === "jj-disc" ? "jj-cut" : ""} d={path} />,
        ]}
      </Icon>
    );
  },
);
