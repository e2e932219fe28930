import { expect, test } from "vitest";

const SOURCES = import.meta.glob("../src/**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

// From the ground up. A file may import from floors below its own; inside `panel/`, also from its neighbours.
const FLOORS: readonly (readonly string[])[] = [
  ["types.ts", "changes.ts", "dom.ts"],
  ["format.ts", "presence.ts", "choice.ts", "wire.ts", "following.ts"],
  ["order.ts", "store.ts", "ui_state.ts", "bucket.ts"],
  ["acts.ts", "outline.ts"],
  ["bridge.ts"],
  ["states.tsx"],
  ["columns.tsx"],
  ["panel/"],
  ["widget.tsx"],
];

const nameOf = (path: string): string => path.replace(/^.*\/src\//, "");

function floorOf(name: string): number {
  const floor = FLOORS.findIndex((files) =>
    files.some((file) => (file.endsWith("/") ? name.startsWith(file) : name === file)),
  );
  if (floor < 0) throw new Error(`${name} has no floor: put it into FLOORS`);
  return floor;
}

function importsOf(path: string): string[] {
  const base = new URL(nameOf(path), "file:///src/");
  return [...(SOURCES[path] ?? "").matchAll(/from "(\.[^"]+)"/g)].map(([, target = ""]) =>
    new URL(target, base).pathname.replace("/src/", ""),
  );
}

const paths = Object.keys(SOURCES);

test("there are sources to look at", () => {
  expect(paths.length).toBeGreaterThan(15);
});

test.each(paths)("%s imports from below only", (path) => {
  const name = nameOf(path);
  const inPanel = name.startsWith("panel/");

  for (const target of importsOf(path)) {
    const isNeighbour = inPanel && target.startsWith("panel/");
    expect(isNeighbour || floorOf(target) < floorOf(name), `${name} imports ${target}`).toBe(true);
  }
});

test("no file imports itself through others", () => {
  const imports = new Map(paths.map((path) => [nameOf(path), importsOf(path)]));
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): void => {
    expect(trail, `circle: ${[...trail, name].join(" > ")}`).not.toContain(name);
    if (done.has(name)) return;
    for (const target of imports.get(name) ?? []) visit(target, [...trail, name]);
    done.add(name);
  };

  for (const name of imports.keys()) visit(name, []);
});

test.each(paths)("%s sets text as text, and fetches nothing", (path) => {
  expect(SOURCES[path]).not.toMatch(
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bfetch\(|import\(/,
  );
});
