// Makes the bundle as short as its limit asks: names that nobody outside of it can see get one or two letters.
//
// What is seen outside, and keeps its name: fields of messages (`types.ts`, `wire.ts`), what anywidget reads, attributes
// of elements, whatever the DOM knows (terser has the list), and each name that also stands in a string, for it may be
// looked up by that. Names with a capital first are words of the schema and of keyboards; they stay as well.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { minify } from "terser";

const ANYWIDGET = ["initialize", "render", "model", "el", "signal", "send", "get", "on", "off"];
// Parts of `class={`jj-p-${tone}`}`, put together in the page.
const OPEN = /-$/;

/** Shorten `widget.js` and `widget.css` in a folder; `sources` is the folder that they were bundled from. */
export async function shorten(folder, sources) {
  const [js, css] = [join(folder, "widget.js"), join(folder, "widget.css")];
  const code = await readFile(js, "utf8");
  const { code: short } = await minify(code, {
    module: true,
    ecma: 2022,
    compress: { passes: 3, ecma: 2022, unsafe_arrows: true, pure_getters: true, keep_fargs: false },
    mangle: { properties: { reserved: await seenOutside(code, sources), regex: /^[a-z]\w{2,}$/ } },
  });
  const styles = await readFile(css, "utf8");
  const rename = classNames(short + styles);
  await Promise.all([writeFile(js, rename(short)), writeFile(css, rename(styles))]);
}

async function seenOutside(code, sources) {
  const all = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name);
  const read = async (name) => readFile(join(sources, name), "utf8");
  const names = new Set(ANYWIDGET);
  const add = (found) => found.forEach((name) => names.add(name));
  for (const name of ["types.ts", "wire.ts"]) add(all(await read(name), /\b(\w+)\??:/g));
  for (const name of await readdir(sources, { recursive: true }))
    if (name.endsWith(".tsx")) add(all(await read(name), /\s([a-zA-Z]+)=[{"]/g));
  add(all(code, /["'`]([a-zA-Z]\w*)["'`]/g));
  return [...names];
}

/** Give each `jj-…` of script and styles a short name; the most frequent ones the shortest. */
function classNames(text) {
  const counts = new Map();
  for (const [name] of text.matchAll(/jj-[\w-]*/g)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const open = [...counts.keys()].filter((name) => OPEN.test(name));
  const closed = [...counts.keys()].filter((name) => !open.some((part) => name.startsWith(part)));
  closed.sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  const short = new Map(closed.map((name, index) => [name, `jj${index.toString(36)}`]));
  return (part) => part.replace(/jj-[\w-]*/g, (name) => short.get(name) ?? name);
}
