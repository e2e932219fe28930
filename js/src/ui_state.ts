/** What one view of the panel remembers for itself; it never leaves the page. */

import { Changes } from "./changes.ts";

/** A cancel that was clicked: sent, unanswered for a second, or refused. */
export type CancelState = { phase: "sent" | "waiting" } | { phase: "refused"; why: string };

/** After this long without an answer the row says that it waits. */
export const ANSWER_MS = 1_000;

interface Remembered {
  /** Whether only the header is shown. */
  collapsed: boolean;
  /** The job whose details are open. */
  open: string | null;
  /** The job that is asked about: "Cancel train?" */
  asking: string | null;
  /** The row that has, or would get, the keyboard. */
  focused: string | null;
  /** Whether the focused row should take the keyboard as soon as it is drawn. */
  wantsFocus: boolean;
  cancels: ReadonlyMap<string, CancelState>;
  /** Pixels, as the style sheet decides for the panel's width. */
  rowHeight: number;
  drawerHeight: number;
  scrollTop: number;
}

export class UiState {
  readonly changes = new Changes();
  #now: Readonly<Remembered> = {
    collapsed: false,
    open: null,
    asking: null,
    focused: null,
    wantsFocus: false,
    cancels: new Map(),
    rowHeight: 32,
    drawerHeight: 0,
    scrollTop: 0,
  };

  get now(): Readonly<Remembered> {
    return this.#now;
  }

  set(changed: Partial<Remembered>): void {
    this.#now = { ...this.#now, ...changed };
    this.changes.tell();
  }

  toggleOpen(id: string): void {
    this.set({ open: this.#now.open === id ? null : id, asking: null });
  }

  setCancel(id: string, state: CancelState): void {
    this.set({ cancels: new Map(this.#now.cancels).set(id, state) });
  }
}
