/** The keyboard of the list. A key that is handled stops here, else the notebook would act on it too. */

import { rowTop } from "../order.ts";
import { canCancel } from "./cancel.tsx";
import { copyText } from "./copy.tsx";
import type { View } from "./view.ts";

type OnKey = (view: View, list: HTMLElement) => void;

const ON_ROW: Readonly<Record<string, OnKey>> = {
  ArrowDown: (view, list) => move(view, list, (index) => index + 1),
  ArrowUp: (view, list) => move(view, list, (index) => index - 1),
  Home: (view, list) => move(view, list, () => 0),
  End: (view, list) => move(view, list, (_, last) => last),
  Enter: ({ ui }) => ui.now.focused !== null && ui.toggleOpen(ui.now.focused),
  Escape: leave,
  x: ask,
  c: ({ ui }) => ui.now.focused !== null && void copyText(ui.now.focused).catch(() => undefined),
};

// Inside an open row a button or a scrolling text has the keyboard: these are for it, by itself.
const NATIVE: ReadonlySet<string> = new Set(
  "Enter, ,ArrowUp,ArrowDown,ArrowLeft,ArrowRight,Home,End,PageUp,PageDown".split(","),
);

export function onGridKey(event: KeyboardEvent & { currentTarget: HTMLElement }, view: View): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  const onRow = target === event.currentTarget || target.dataset.id !== undefined;
  if (!onRow && event.key !== "Escape") {
    if (NATIVE.has(event.key)) event.stopPropagation();
    return;
  }
  const act = ON_ROW[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const { asking, open } = view.ui.now;
  if (!act || (event.key === "Escape" && asking === null && open === null)) return;
  event.stopPropagation();
  event.preventDefault();
  act(view, event.currentTarget);
}

function leave({ ui }: View): void {
  ui.set(ui.now.asking === null ? { open: null } : { asking: null });
  ui.set({ wantsFocus: true });
}

function ask(view: View): void {
  const { ui, bridge } = view;
  const row = ui.now.focused === null ? undefined : bridge.store.get(ui.now.focused);
  if (row && canCancel(view, row)) ui.set({ asking: row.id });
}

function move(view: View, list: HTMLElement, to: (index: number, last: number) => number): void {
  const { store } = view.bridge;
  const { focused, open, rowHeight, drawerHeight } = view.ui.now;
  const last = store.size - 1;
  const from = focused === null ? -1 : store.indexOf(focused);
  const index = Math.min(last, Math.max(0, to(from, last)));
  const openIndex = open === null ? -1 : store.indexOf(open);
  const top = rowTop(index, { rowHeight, openIndex, drawerHeight });
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + rowHeight - list.clientHeight;
  }
  view.ui.set({
    scrollTop: list.scrollTop,
    focused: store.at(index)?.id ?? null,
    wantsFocus: true,
  });
}
