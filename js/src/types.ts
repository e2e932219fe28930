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
  createdAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
}

/** Fields of a known job that changed, or the whole row of a new one. */
export type RowPatch = Partial<Row>;

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

export interface JobError {
  type: string | null;
  message: string | null;
  traceback: string | null;
  exitCode: number | null;
  signal: string | number | null;
}

/** What the `details` action answers. */
export interface Details {
  request: string | null;
  kind: Kind | null;
  priority: Priority | null;
  group: string | null;
  params: string | null;
  result: string | null;
  error: Partial<JobError> | null;
  log: string[];
  createdAt: number | null;
  startedAt: number | null;
  finishedAt: number | null;
  version: number;
}

export type Action = "cancel" | "details" | "logs" | "reconnect";

export type FromKernel =
  | {
      type: "snapshot";
      seq: number;
      now: number;
      jobs: Row[];
      connection: Connection;
      backend: string;
    }
  | { type: "patch"; seq: number; jobs: Record<string, RowPatch>; connection?: Connection }
  | { type: "beat"; seq: number }
  | { type: "reply"; actionId: number; page: string; ok: true; data: unknown }
  | { type: "reply"; actionId: number; page: string; ok: false; error: string };

export type ToKernel =
  | { type: "hello" | "alive" | "bye"; page: string }
  | { type: "resync"; page: string; have: number }
  | { type: "action"; page: string; action: Action; actionId: number; job: string | null };
