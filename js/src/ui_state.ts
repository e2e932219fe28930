/** What one view of the panel remembers for itself; it never leaves the page. */

import { Changes } from "./changes.ts";
import { ALL, type Choice } from "./choice.ts";
import type { Deed, Verb } from "./types.ts";

/** What became of a click: sent, unanswered since the kernel is busy, or refused. */
export type ActState =
  { verb: Deed; phase: "sent" | "waiting" } | { verb: Deed; phase: "refused"; why: string };

export type Tab = "details" | "log";

/** A question that waits for its answer. */
export interface Asking {
  /** The line it stands in; null when it is about all that is shown. */
  key: string | null;
  verb: Verb;
  ids: readonly string[];
}

interface Remembered {
  /** Whether only the header is shown. */
  collapsed: boolean;
  /** The key of the line whose drawer is open. */
  open: string | null;
  /** What a drawer shows. */
  tab: Tab;
  asking: Asking | null;
  /** The key of the line that has, or would get, the keyboard. */
  focused: string | null;
  /** Whether the focused line should take the keyboard as soon as it is drawn. */
  wantsFocus: boolean;
  /** Pixels, as the style sheet decides for the panel's width. */
  rowHeight: number;
  drawerHeight: number;
  scrollTop: number;
  choice: Choice;
  /** By the id of the job. */
  acts: ReadonlyMap<string, ActState>;
  /** Whether the keys are explained. */
  help: boolean;
  /** Whether a new job is being written. */
  writing: boolean;
  /** Whether the reader wants to be told when jobs are done. */
  notify: boolean;
}

export class UiState {
  readonly changes = new Changes();
  #now: Readonly<Remembered> = {
    collapsed: false,
    open: null,
    tab: "details",
    asking: null,
    focused: null,
    wantsFocus: false,
    rowHeight: 32,
    drawerHeight: 0,
    scrollTop: 0,
    choice: ALL,
    acts: new Map(),
    help: false,
    writing: false,
    notify: false,
  };

  get now(): Readonly<Remembered> {
    return this.#now;
  }

  set(changed: Partial<Remembered>): void {
    this.#now = { ...this.#now, ...changed };
    this.changes.tell();
  }

  choose(changed: Partial<Choice>): void {
    this.set({ choice: { ...this.#now.choice, ...changed } });
  }

  toggleOpen(key: string): void {
    this.set({ open: this.#now.open === key ? null : key, asking: null });
  }

  /** What became of clicks; null forgets them. */
  setActs(ids: Iterable<string>, state: ActState | null): void {
    const acts = new Map(this.#now.acts);
    for (const id of ids) {
      if (state) acts.set(id, state);
      else acts.delete(id);
    }
    this.set({ acts });
  }
}
