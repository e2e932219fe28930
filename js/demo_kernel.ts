/**
 * A kernel for the demo page: it says what was recorded, and answers what a reader does as the real one would.
 * What is not recorded it makes up from the row.
 */

import { decode } from "./src/wire.ts";
import { isFailure, isLive, label } from "./src/format.ts";
import type { Details, FromKernel, LogLine, NewJob, Row, RowPatch, ToKernel } from "./src/types.ts";
import { encode } from "./tests/encode.ts";
import { FakeModel, type Recorded } from "./tests/fake_model.ts";

export interface Manner {
  /** Answers nothing, as while a cell runs. */
  busy?: boolean;
  /** Speaks only when spoken to, as in a host that does not push. */
  shy?: boolean;
}

type Act = ToKernel & { type: "action" };

export class DemoKernel {
  readonly model: FakeModel;
  readonly #recorded: Recorded;
  readonly #manner: Manner;
  readonly #rows = new Map<string, Row>();
  readonly #unsaid: FromKernel[] = [];
  readonly #began = Date.now();
  #now = 0;
  #seq = 0;
  #retries = 0;
  #follows: { job: string; after: number; page: string } | null = null;

  constructor(recorded: Recorded, manner: Manner = {}) {
    this.#recorded = recorded;
    this.#manner = manner;
    for (const message of recorded.messages) {
      if (message.type === "snapshot") [this.#now, this.#seq] = [message.now, message.seq];
      if (message.type === "snapshot" || message.type === "patch")
        for (const row of message.rows ? decode(message.rows) : []) this.#rows.set(row.id, row);
    }
    this.model = new FakeModel(recorded.summary, (message) => this.#hear(message));
    setInterval(() => this.#sayLines(), 1000);
  }

  /** The kernel's clock, which began with the record. */
  get now(): number {
    return this.#now + Date.now() - this.#began;
  }

  rows(): Row[] {
    return [...this.#rows.values()];
  }

  /** Let jobs change, end or appear. */
  change(
    jobs: Record<string, RowPatch>,
    rows: readonly Row[] = [],
    gone: readonly string[] = [],
  ): void {
    for (const [id, fields] of Object.entries(jobs)) {
      const row = this.#rows.get(id);
      if (row) this.#rows.set(id, { ...row, ...fields });
    }
    for (const row of rows) this.#rows.set(row.id, row);
    for (const id of gone) this.#rows.delete(id);
    const patch: FromKernel = { type: "patch", seq: (this.#seq += 1), jobs, gone };
    this.#say(rows.length ? { ...patch, rows: encode(rows) } : patch);
  }

  #say(message: FromKernel): void {
    if (this.#manner.shy) this.#unsaid.push(message);
    else this.model.say(message);
  }

  #hear(message: ToKernel): void {
    switch (message.type) {
      case "hello":
        for (const said of this.#recorded.messages) this.model.say(said);
        break;
      case "poll":
        if (!this.#unsaid.length) this.model.say({ type: "beat", seq: this.#seq });
        for (const said of this.#unsaid.splice(0)) this.model.say(said);
        break;
      case "follow":
        this.#follows = message.job === null ? null : { ...message, job: message.job };
        this.#sayLines();
        break;
      case "action":
        if (!this.#manner.busy) setTimeout(() => this.#perform(message), 40);
        break;
    }
  }

  #perform(act: Act): void {
    const { actionId, page } = act;
    try {
      const data = this.#answer(act);
      this.model.say({ type: "reply", actionId, page, ok: true, data });
    } catch (error) {
      this.model.say({ type: "reply", actionId, page, ok: false, error: (error as Error).message });
    }
  }

  #answer({ action, jobs, job }: Act): unknown {
    const rows = jobs.flatMap((id) => this.#rows.get(id) ?? []);
    const [row] = rows;
    if (action === "submit") return this.#submit(job);
    if (action === "again") return this.#submit({ ...job, request: row?.name ?? "" });
    if (action === "cancel") return this.#cancel(rows);
    if (action === "retry") return this.#retry(rows);
    if (action === "reconnect") return {};
    if (!row) throw new Error("This job is not known.");
    if (action === "details") return this.#recorded.details[row.id] ?? madeUp(row);
    return {
      code: `# ${label(row)}, to be run here\nwork = monitor.job("${row.id}").call()\nwork()`,
    };
  }

  #submit(job: Partial<NewJob> = {}): unknown {
    const { request = "", priority = "MEDIUM" } = job;
    const [like] = this.rows();
    if (request === "Clean dat" || !like)
      throw new Error(`No handler is called '${request}'. Known: Clean data, Process data.`);
    const id = `${like.id}-n${(this.#retries += 1)}`;
    const blank = Object.fromEntries(Object.keys(like).map((field) => [field, null])) as unknown;
    const given = { id, name: request, request, priority, status: "QUEUED" as const };
    this.change({}, [{ ...(blank as Row), ...given, createdAt: this.now }]);
    return { id };
  }

  #cancel(rows: readonly Row[]): unknown {
    const some = rows.filter((row) => isLive(row.status)).map(({ id }) => id);
    const all = (fields: RowPatch): Record<string, RowPatch> =>
      Object.fromEntries(some.map((id) => [id, fields]));
    setTimeout(() => this.change(all({ status: "CANCELLING" })), 200);
    setTimeout(() => this.change(all({ status: "CANCELLED", finishedAt: this.now })), 1500);
    const over = rows.filter((row) => !isLive(row.status));
    return {
      done: some,
      refused: Object.fromEntries(over.map(({ id }) => [id, "The job is over already."])),
    };
  }

  #retry(rows: readonly Row[]): unknown {
    const retries = rows.map((row): Row => {
      const id = `${row.id}-r${(this.#retries += 1)}`;
      const blank = { error: null, failure: null, message: null, progress: null, done: null };
      const times = { createdAt: this.now, startedAt: null, finishedAt: null };
      return { ...row, ...blank, ...times, id, status: "QUEUED", attempt: (row.attempt ?? 1) + 1 };
    });
    const ids = rows.map(({ id }) => id);
    setTimeout(() => this.change({}, retries, ids), 400);
    for (const [index, { id }] of retries.entries()) {
      const start = 1200 + index * 300;
      setTimeout(() => this.change({ [id]: { status: "RUNNING", startedAt: this.now } }), start);
      setTimeout(
        () => this.change({ [id]: { status: "SUCCEEDED", finishedAt: this.now } }),
        start + 2500,
      );
    }
    return {
      done: ids,
      refused: {},
      retries: Object.fromEntries(ids.map((id, i) => [id, retries[i]?.id])),
    };
  }

  #sayLines(): void {
    if (!this.#follows || this.#manner.busy) return;
    const { job, after, page } = this.#follows;
    const row = this.#rows.get(job);
    if (!row) return;
    const printed = row.status === "QUEUED" ? [] : output(row, this.now);
    const lines = printed.filter((line) => line.seq > after);
    const ended = !isLive(row.status);
    if (!lines.length && after > 0) return;
    this.#follows.after = printed.at(-1)?.seq ?? 0;
    this.#say({ type: "log", job, page, lines, ended });
  }
}

/** What a job has printed until now: a line every two seconds, at most 200. */
function output(row: Row, now: number): LogLine[] {
  const from = row.startedAt ?? now;
  const count = Math.min(200, 12 + Math.floor(((row.finishedAt ?? now) - from) / 2000));
  return Array.from({ length: count }, (_, index): LogLine => {
    const step = String(index + 1).padStart(3);
    const noise = Math.abs(Math.sin(index * 12.9898) * 43758.5453) % 1;
    const warns = index % 13 === 10;
    const failed = isFailure(row.status) && index === count - 1;
    const text = failed
      ? (row.error ?? "killed")
      : warns
        ? `\x1b[1;33mUserWarning\x1b[0m: ${Math.floor(noise * 40) + 2} rows without a date were dropped; see docs/cleaning.md for how to keep them in the table`
        : `step ${step}  loss ${(0.9 / (1 + index / 20) + noise * 0.02).toFixed(4)}  \x1b[3${index % 8}macc\x1b[0m ${(0.6 + index / 600 + noise * 0.01).toFixed(3)}  \x1b[2m${(180 + noise * 40).toFixed(0)} rows/s\x1b[0m`;
    return {
      seq: index + 1,
      time: from + index * 2000,
      stream: warns || failed ? "stderr" : "stdout",
      text,
    };
  });
}

function madeUp(row: Row): Details {
  const lines = output(row, row.finishedAt ?? row.startedAt ?? 0).slice(-5);
  const [type = "", message = ""] = (row.error ?? "").split(/: (.*)/s);
  const [, argument = "raw/2026-11-22.csv"] = /'(.+?)'/.exec(row.error ?? "") ?? [];
  const call = `${(row.request ?? "work").split(/[ (#]/)[0]}(${JSON.stringify(argument)}, strict=True)`;
  const term = row.kind === "FUNCTION" ? "called as" : "request";
  const moments = [
    ["submitted", row.createdAt],
    ["started", row.startedAt],
    ["ended", row.finishedAt],
  ] as const;
  return {
    pairs: [
      ...moments.flatMap(([name, at]) => (at === null ? [] : [[name, at] as const])),
      ["from", "train.ipynb, cell 5"],
      [term, { code: row.kind === "FUNCTION" ? call : (row.request ?? "work") }],
      ...(row.status === "SUCCEEDED"
        ? [["result", { code: `{"rows": 1204511, "dropped": 14}` }] as const]
        : []),
      ["id", { code: row.id }],
    ],
    charts: row.metric ? [row.metric] : [],
    error: isFailure(row.status)
      ? {
          type,
          message,
          ...(row.status === "FAILED" && { traceback: tracebackOf(row), frames: FRAMES }),
        }
      : null,
    log: lines.map((line) => line.text),
    attempts: [],
    version: 4,
  };
}

const FRAMES = [
  ["clean.py:41 in parse_day", `raise ValueError(f"bad day {text!r}")`],
  ["clean.py:58 in clean", "days = [parse_day(name) for name in names]"],
].map(([where = "", source = ""]) => ({ where, source, file: "/home/ada/plants/clean.py" }));

const tracebackOf = (row: Row): string => `Traceback (most recent call last):
  File "/home/ada/plants/clean.py", line 58, in clean
    days = [parse_day(name) for name in names]
  File "/home/ada/plants/clean.py", line 41, in parse_day
    raise ValueError(f"bad day {text!r}")
  File "/usr/lib/python3.11/site-packages/pandas/core/tools/datetimes.py", line 1101, in to_datetime
    result = convert_listlike(argc, format)
${row.error ?? "Error"}
`;
