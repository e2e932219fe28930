/**
 * The one place that knows the widget's model: what the kernel says becomes state, what a reader does becomes messages.
 *
 * Messages from the kernel are numbered. A snapshot starts the count, each patch is one more, a beat repeats the last
 * number: whatever does not fit means that something was lost, and is answered by `resync`, and the snapshot that
 * follows makes all right again. The kernel sends only while a page says that it lives: `hello` when the first view
 * appears, `alive` every 20 s, `bye` when the last one goes. While the kernel is silent the sign of life is a `hello`
 * too, so that a kernel that comes back answers with a snapshot.
 */

import type { AnyModel } from "@anywidget/types";
import { Changes } from "./changes.ts";
import type { Kernel } from "./presence.ts";
import { JobStore } from "./store.ts";
import type { Action, Connection, FromKernel, Summary, ToKernel } from "./types.ts";

export type PanelModel = Pick<AnyModel<{ summary: Summary }>, "get" | "on" | "off" | "send">;

/** How often a page says that it is there. */
export const ALIVE_MS = 20_000;
/** After this long without a word, while jobs live, the panel is not live. The kernel beats every 5 s. */
export const SILENCE_MS = 15_000;
/** How long the first word may take before the page says that nobody answers. */
export const FIRST_WORD_MS = 3_000;
const RESYNC_MS = 1_000;
const WATCH_MS = 1_000;

const UNKNOWN: Connection = {
  state: "connecting",
  detail: "",
  retryAt: null,
  attempt: 0,
  asOf: null,
};

interface Pending {
  resolve(data: unknown): void;
  reject(error: Error): void;
}

export class Bridge {
  readonly store = new JobStore();
  /** Told of every change of what follows, and of the store. */
  readonly changes = new Changes();
  kernel: Kernel = "waiting";
  connection = UNKNOWN;
  backend = "";

  readonly #model: PanelModel;
  readonly #page = Math.random().toString(36).slice(2, 12); // crypto.randomUUID is missing on plain http
  readonly #pending = new Map<number, Pending>();
  #lastAction = 0;
  #views = 0;
  #seq: number | null = null;
  #resyncAt = -Infinity;
  #heardAt = 0;
  #saidAt = 0;
  #watch: ReturnType<typeof setInterval> | undefined;
  #clockOffset = 0;
  #knownAt = 0;

  constructor(model: PanelModel, closed: AbortSignal) {
    this.#model = model;
    this.#readSummary();
    model.on("msg:custom", this.#receive);
    model.on("change:summary", this.#onSummary);
    model.on("comm_live_update", this.#onCommChanged);
    document.addEventListener("visibilitychange", this.#onVisible, { signal: closed });
    window.addEventListener("pagehide", this.#onPageHide, { signal: closed });
    closed.addEventListener("abort", () => {
      model.off("msg:custom", this.#receive);
      model.off("change:summary", this.#onSummary);
      model.off("comm_live_update", this.#onCommChanged);
      clearInterval(this.#watch);
    });
  }

  /** The time on the kernel's clock, whose times the rows carry; until that is known, the time of the rows. */
  now(): number {
    if (this.kernel === "waiting" && this.#knownAt) return this.#knownAt;
    return Date.now() + this.#clockOffset;
  }

  /** The last moment for which the panel is known to be right, on the kernel's clock; null or 0 before there was one. */
  get asOf(): number | null {
    return this.kernel === "silent" ? this.#knownAt : this.connection.asOf;
  }

  /** Count a view in; the function it returns counts it out. */
  attach(): () => void {
    this.#views += 1;
    if (this.#views === 1) {
      this.kernel = "waiting";
      this.#heardAt = Date.now();
      this.#say("hello");
      this.#watch = setInterval(this.#look, WATCH_MS);
    }
    let attached = true;
    return () => {
      if (!attached) return;
      attached = false;
      this.#views -= 1;
      if (this.#views > 0) return;
      clearInterval(this.#watch);
      this.#say("bye");
    };
  }

  /** Ask the kernel to do something; rejects with the sentence it refuses with. Waits as long as the kernel is busy. */
  request(action: Action, job: string | null): Promise<unknown> {
    const actionId = (this.#lastAction += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(actionId, { resolve, reject });
      if (!this.#send({ type: "action", page: this.#page, action, actionId, job })) {
        this.#pending.delete(actionId);
        reject(new Error("The kernel cannot be reached. Run JobMonitor() in any cell."));
      }
    });
  }

  #receive = (message: FromKernel): void => {
    switch (message.type) {
      case "snapshot":
        this.#seq = message.seq;
        this.#resyncAt = -Infinity;
        this.#clockOffset = message.now - Date.now();
        this.connection = message.connection;
        this.backend = message.backend;
        this.store.replace(message.jobs);
        break;
      case "patch":
        if (this.#follows(message.seq, 1)) {
          this.#seq = message.seq;
          this.store.patch(message.jobs);
          if (message.connection) this.connection = message.connection;
        }
        break;
      case "beat":
        this.#follows(message.seq, 0);
        break;
      case "reply":
        this.#settle(message);
        break;
    }
    this.#heard();
  };

  /** Whether a message comes `step` after the last one; when one is missing between them, asks for a snapshot. */
  #follows(seq: number, step: 0 | 1): boolean {
    if (this.#seq !== null && seq <= this.#seq) return false;
    if (this.#seq !== null && seq === this.#seq + step) return true;
    if (Date.now() - this.#resyncAt >= RESYNC_MS) {
      this.#resyncAt = Date.now();
      this.#send({ type: "resync", page: this.#page, have: this.#seq ?? 0 });
    }
    return false;
  }

  #settle(reply: FromKernel & { type: "reply" }): void {
    const pending = this.#pending.get(reply.actionId);
    if (reply.page !== this.#page || !pending) return;
    this.#pending.delete(reply.actionId);
    if (reply.ok) pending.resolve(reply.data);
    else pending.reject(new Error(reply.error));
  }

  #heard(): void {
    this.#heardAt = Date.now();
    // Before the first snapshot a reply or a beat is a sign of life, but there is nothing live to show yet.
    if (this.#seq === null) return;
    this.kernel = "live";
    this.#knownAt = this.now();
    this.changes.tell();
  }

  #look = (): void => {
    const quietFor = Date.now() - this.#heardAt;
    const patience =
      this.kernel === "waiting" ? FIRST_WORD_MS : this.store.liveCount ? SILENCE_MS : Infinity;
    if (this.kernel !== "silent" && quietFor >= patience) this.#fallSilent();
    else if (Date.now() - this.#saidAt >= ALIVE_MS) this.#greet();
  };

  #fallSilent(): void {
    this.kernel = "silent";
    this.changes.tell();
    if (this.#views) this.#say("hello");
  }

  #greet(): void {
    this.#say(this.kernel === "live" ? "alive" : "hello");
  }

  #say(type: "hello" | "alive" | "bye"): void {
    this.#saidAt = Date.now();
    this.#send({ type, page: this.#page });
  }

  #send(message: ToKernel): boolean {
    try {
      this.#model.send(message);
      return true;
    } catch {
      return false; // the comm is gone with its kernel; `#look` and `comm_live_update` show it
    }
  }

  #readSummary(): void {
    const summary = this.#model.get("summary");
    if (!summary?.rows) return;
    this.connection = summary.connection;
    this.backend = summary.backend;
    this.#knownAt = summary.asOf;
    this.store.replace(summary.rows, summary);
    this.changes.tell();
  }

  #onSummary = (): void => {
    if (this.#seq === null) this.#readSummary();
  };

  // JupyterLab: the comm was lost, or found again; which of them, the answer to `hello` tells.
  #onCommChanged = (): void => this.#fallSilent();

  #onVisible = (): void => {
    if (document.visibilityState === "visible" && this.#views) this.#greet(); // timers slept with the tab
  };

  #onPageHide = (event: PageTransitionEvent): void => {
    if (!event.persisted && this.#views) this.#say("bye");
  };
}
