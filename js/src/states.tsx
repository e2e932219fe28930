/** How each state looks: a shape of its own, a word, and a colour of the style sheet (`jj-s-…` sets `--jj-state`). */

import { Fragment, h, type JSX } from "./dom.ts";
import type { Status } from "./types.ts";

interface StateLook {
  word: string;
  /** The class that brings the state's colour. */
  token: string;
  shape(part: number | null): JSX.Element;
}

const ring = <circle class="jj-ring" cx="8" cy="8" r="6.25" />;
const disc = <circle class="jj-disc" cx="8" cy="8" r="7" />;

// A circle of radius 2 drawn 4 wide is a pie; its dash is the slice, from twelve o'clock onwards.
const PIE_LENGTH = 2 * Math.PI * 2;

function Pie({ part }: { part: number }): JSX.Element {
  const dash = `${(part * PIE_LENGTH).toFixed(2)} ${PIE_LENGTH.toFixed(2)}`;
  return (
    <circle
      class="jj-pie"
      cx="8"
      cy="8"
      r="2"
      stroke-dasharray={dash}
      transform="rotate(-90 8 8)"
    />
  );
}

/** In the order of the header's counts: trouble first. */
export const STATES: Readonly<Record<Status, StateLook>> = {
  FAILED: {
    word: "failed",
    token: "jj-s-failed",
    shape: () => (
      <>
        {disc}
        <path class="jj-cut" d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" />
      </>
    ),
  },
  TIMED_OUT: {
    word: "timed out",
    token: "jj-s-failed",
    shape: () => (
      <>
        <path d="M3.75 1.75h8.5M3.75 14.25h8.5" />
        <path d="M4.9 2v2.1c0 1.9 3.1 2.6 3.1 3.9s-3.1 2-3.1 3.9V14M11.1 2v2.1c0 1.9-3.1 2.6-3.1 3.9s3.1 2 3.1 3.9V14" />
        <path d="M6.6 12.4c.3-.6.8-.9 1.4-1.3.6.4 1.1.7 1.4 1.3z" />
      </>
    ),
  },
  LOST: {
    word: "lost",
    token: "jj-s-lost",
    shape: () => (
      <>
        <path d="M5.6 2.25A6.25 6.25 0 0 0 4.2 12.95M10.4 13.75A6.25 6.25 0 0 0 11.8 3.05" />
        <path d="M9.2 3.6L6.6 8h2.8l-2.6 4.4" />
      </>
    ),
  },
  RUNNING: {
    word: "running",
    token: "jj-s-running",
    shape: (part) => (
      <>
        {ring}
        <Pie part={part ?? 0.25} />
      </>
    ),
  },
  CANCELLING: {
    word: "cancelling",
    token: "jj-s-cancelling",
    shape: () => (
      <>
        {ring}
        <path d="M5 8h6" />
      </>
    ),
  },
  QUEUED: {
    word: "queued",
    token: "jj-s-queued",
    shape: () => <circle class="jj-ring" cx="8" cy="8" r="6.25" stroke-dasharray="2.2 2.708" />,
  },
  SUCCEEDED: {
    word: "succeeded",
    token: "jj-s-succeeded",
    shape: () => (
      <>
        {disc}
        <path class="jj-cut" d="M4.9 8.3l2.1 2.1 4.1-4.6" />
      </>
    ),
  },
  CANCELLED: {
    word: "cancelled",
    token: "jj-s-cancelled",
    shape: () => (
      <>
        {ring}
        <path d="M3.75 12.25l8.5-8.5" />
      </>
    ),
  },
};

/** All states, trouble first. */
export const STATUSES = Object.keys(STATES) as Status[];

/** A state's shape in its colour; `part` fills the ring of a running job. Words beside it name the state. */
export function StateIcon(props: {
  status: Status;
  part?: number | null;
  pulse?: boolean;
}): JSX.Element {
  const look = STATES[props.status];
  return (
    <svg
      class={`jj-icon ${look.token}${props.pulse && props.status === "RUNNING" ? " jj-pulse" : ""}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {look.shape(props.part ?? null)}
    </svg>
  );
}
