/** What the kernel and the page say to each other. Names are the schema's; times are epoch milliseconds. */

export type Status =
  "QUEUED" | "RUNNING" | "CANCELLING" | "SUCCEEDED" | "FAILED" | "CANCELLED" | "TIMED_OUT" | "LOST";

export type Priority = "HIGH" | "MEDIUM" | "LOW";

export type Kind = "REQUEST" | "FUNCTION" | "COMMAND" | "NOTEBOOK";

/** One job as a line of the panel. */
export interface Row {
  id: string;
  name: string | null;
  kind: Kind | null;
  request: string | null;
  status: Status;
  priority: Priority | null;
  progress: number | null;
  done: number | null;
  total: number | null;
  message: string | null;
  error: string | null;
  /** What failed jobs have in common; null unless the job failed, timed out or was lost. */
  failure: string | null;
  tags: readonly string[] | null;
  /** Which try of the same work this is; null for the first. */
  attempt: number | null;
  metric: Chart | null;
  /** When it will likely end; while it is queued, when it will likely start. */
  endsAt: number | null;
  /** From when on it is slower than usual, and what is usual: `usually 50s to 70s`. */
  slow: readonly [from: number, usual: string] | null;
  /** What the jobs of one `map` have in common. */
  batch: string | null;
  /** Whether the kernel submitted it again and was given the one that is there. */
  attached: true | null;
  createdAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
}

/** How a number went: `loss 0.21`, and the points of a line in a box of 48 by 14. */
export type Chart = readonly [label: string, points: string];

/** Fields of a known job that changed. */
export type RowPatch = Partial<Row>;

/** Many values of one field, as short as they can be told (`wire.ts` reads them). */
export type Column =
  | readonly unknown[]
  | { all: unknown }
  | { words: readonly unknown[]; at: readonly number[] }
  | { from: number; plus: readonly (number | null)[] };

/** `n` rows by their fields; a field that is null in all of them is left out. */
export type Columns = { n: number } & { [Field in keyof Row]?: Column };

export type ConnectionState =
  "connecting" | "connected" | "stale" | "reconnecting" | "auth_failed" | "closed" | "idle";

/** How the kernel stands with its backend. */
export interface Connection {
  state: ConnectionState;
  detail: string;
  retryAt: number | null;
  attempt: number;
  /** The last moment for which the rows are known to be right; null before there was one. */
  asOf: number | null;
}

export type Counts = Partial<Record<Status, number>>;

/** The synced trait: all that a page without a kernel has to show. */
export interface Summary {
  counts: Counts;
  total: number;
  connection: Connection;
  backend: string;
  rows: Row[];
  asOf: number;
}

/** One of the reader's own calls in a traceback. */
export interface Frame {
  /** `clean.py:41 in parse_day` */
  where: string;
  file: string;
  /** The line of source, or "". */
  source: string;
}

export interface JobError {
  type: string | null;
  message: string | null;
  traceback: string | null;
  /** The one nearest to the error first. */
  frames: readonly Frame[];
  exitCode: number | null;
  signal: string | number | null;
}

/** One try of the same work, as its `details` list it. */
export interface Attempt {
  id: string;
  attempt: number;
  status: Status;
  startedAt: number | null;
  finishedAt: number | null;
  error: string | null;
}

/** What a fact is: a line; a moment; code to copy; or lines, some of which have something to copy. */
export type Fact =
  string | number | { code: string } | readonly (readonly [string, string | null])[];

/** What the `details` action answers, worded by the kernel. */
export interface Details {
  /** Terms and what they are; what is not known is left out. */
  pairs: readonly (readonly [term: string, fact: Fact])[];
  charts: readonly Chart[];
  error: Partial<JobError> | null;
  log: readonly string[];
  /** Oldest first, this one included. */
  attempts: readonly Attempt[];
  version: number;
}

export interface LogLine {
  seq: number;
  time: number | null;
  stream: string;
  text: string;
}

/** What the `cancel` and `retry` actions answer: what was done, and why the rest was not. */
export interface Verdicts {
  done: readonly string[];
  refused: Readonly<Record<string, string>>;
}

export type Verb = "cancel" | "retry";
/** What a click on a job asks for; `again`: as a new job, though it is there already. */
export type Deed = Verb | "again";
export type Action = Deed | "submit" | "details" | "repro" | "reconnect";
/** A job to be submitted. */
export interface NewJob {
  request: string;
  priority: Priority;
  params: object | null;
}

/** What an API may be able to do: an action, or to tell a job's output. */
export type Ability = Action | "follow";

export type FromKernel =
  | {
      type: "snapshot";
      seq: number;
      now: number;
      rows: Columns;
      connection: Connection;
      backend: string;
      /** What this API can do. */
      actions: readonly Ability[];
      /** How many jobs there are; those that `rows` lacks follow in patches. */
      total: number;
      /** What can be submitted, as far as it is known. */
      requests?: readonly string[];
    }
  | {
      type: "patch";
      seq: number;
      rows?: Columns;
      jobs?: Readonly<Record<string, RowPatch>>;
      gone?: readonly string[];
      connection?: Connection;
    }
  | { type: "beat"; seq: number }
  | { type: "log"; page: string; job: string; lines: readonly LogLine[]; ended: boolean }
  | { type: "reply"; actionId: number; page: string; ok: true; data: unknown }
  | { type: "reply"; actionId: number; page: string; ok: false; error: string };

export type ToKernel =
  | { type: "hello" | "alive" | "bye"; page: string }
  | { type: "resync" | "poll"; page: string; have: number }
  | { type: "follow"; page: string; job: string | null; after: number }
  | {
      type: "action";
      page: string;
      action: Action;
      actionId: number;
      jobs: readonly string[];
      /** What `submit` is about. */
      job?: NewJob | undefined;
    };
