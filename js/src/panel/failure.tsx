import { h, useRef, type JSX } from "../dom.ts";
import type { Group } from "../outline.ts";
import { Drawer } from "./drawer.tsx";
import type { View } from "./view.ts";

/** Jobs that failed alike, below their line: the newest of them in full. */
export function FailureCard({ group, view }: { group: Group; view: View }): JSX.Element {
  // It stays while it is there, so that nothing changes under the reader's eyes.
  const held = useRef(group.example);
  const row = view.bridge.store.get(held.current.id);
  if (row?.failure !== group.example.failure) held.current = group.example;
  return <Drawer row={held.current} view={view} isExample />;
}
