import type { Row } from "../src/types.ts";

/** A row with nothing but what is given. */
export const rowOf = (given: Partial<Row> = {}): Row => ({
  id: "job",
  name: null,
  kind: null,
  request: null,
  status: "RUNNING",
  priority: null,
  progress: null,
  done: null,
  total: null,
  message: null,
  error: null,
  failure: null,
  tags: null,
  attempt: null,
  metric: null,
  endsAt: null,
  slow: null,
  batch: null,
  attached: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
  ...given,
});
