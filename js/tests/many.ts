/** Many jobs and many changes, the same each time. */

import type { FromKernel, Row, RowPatch, Status } from "../src/types.ts";
import { encode } from "./encode.ts";
import type { Recorded } from "./fake_model.ts";

export const NOW = Date.UTC(2026, 10, 22, 14, 5, 10);

const statusOf = (index: number, count: number): Status => {
  if (index < count * 0.56) return index % 467 === 3 ? "FAILED" : "SUCCEEDED";
  return index < count * 0.5664 ? "RUNNING" : "QUEUED";
};

export function manyRows(count: number): Row[] {
  return Array.from({ length: count }, (_, index) => {
    const status = statusOf(index, count);
    const startedAt = status === "QUEUED" ? null : NOW - 2_000_000 + index * 340;
    const over = status === "SUCCEEDED" || status === "FAILED";
    return {
      id: `job-${String(index).padStart(5, "0")}`,
      name: `sweep ${String.fromCharCode(97 + (index % 3))} #${index}`,
      kind: "FUNCTION",
      request: "sweep",
      status,
      priority: "MEDIUM",
      progress: status === "RUNNING" ? (index % 97) / 97 : null,
      done: null,
      total: null,
      message: over ? `score ${((index * 37) % 1000) / 1000}` : null,
      error: status === "FAILED" ? "LinAlgError: singular matrix" : null,
      failure: status === "FAILED" ? "LinAlgError: singular matrix" : null,
      tags: index % 4 ? [`fold ${index % 4}`] : null,
      attempt: null,
      metric: null,
      endsAt: null,
      slow: null,
      batch: null,
      attached: null,
      createdAt: NOW - 2_100_000,
      startedAt,
      finishedAt: over && startedAt !== null ? startedAt + 9000 + (index % 13) * 700 : null,
    };
  });
}

type Snapshot = FromKernel & { type: "snapshot" };

/** What a kernel says that has these rows, and can do all. */
export const snapshotOf = (
  rows: Row[],
  more: Pick<Snapshot, "connection" | "backend"> & Partial<Snapshot>,
): Snapshot => ({
  type: "snapshot",
  seq: 1,
  now: NOW,
  rows: encode(rows),
  actions: [
    ...(["cancel", "retry", "details", "repro", "again", "submit"] as const),
    ...(["reconnect", "follow"] as const),
  ],
  requests: ["Clean data", "Process data"],
  total: rows.length,
  ...more,
});

export function recordedOf(rows: Row[]): Recorded {
  const connection = {
    state: "connected" as const,
    detail: "",
    retryAt: null,
    attempt: 0,
    asOf: NOW,
  };
  const backend = "this machine";
  return {
    about: `${rows.length} jobs`,
    summary: { counts: {}, total: 0, connection, backend, rows: [], asOf: NOW },
    messages: [snapshotOf(rows, { connection, backend })],
    details: {},
  };
}

/** Changes of `size` jobs: most report progress, one in ten starts or ends and moves in the list. */
export function stormPatch(seq: number, count: number, size: number): FromKernel {
  const jobs: Record<string, RowPatch> = {};
  for (let index = 0; index < size; index += 1) {
    const which = (seq * 7919 + index * 104_729) % count;
    const id = `job-${String(which).padStart(5, "0")}`;
    if (index % 10 > 0)
      jobs[id] = { progress: ((seq + index) % 100) / 100, message: `step ${seq}` };
    else if (index % 20 > 0) {
      jobs[id] = { status: "RUNNING", startedAt: NOW + seq * 50, finishedAt: null };
    } else jobs[id] = { status: "SUCCEEDED", startedAt: NOW, finishedAt: NOW + seq * 50 };
  }
  return { type: "patch", seq, jobs };
}
