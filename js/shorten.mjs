// Makes the bundle shorter than esbuild does: terser says the same in fewer words, and names of properties that only
// the bundle knows get one or two letters.
//
// Those are the members of interfaces and classes that the sources declare themselves. Of these keep their names: fields
// of messages (`types.ts`), whatever the DOM knows (terser has the list), attributes and props of JSX elements that may
// be the DOM's, and each name that also stands in a string, for it may be looked up by that. What is not declared, as the
// options that a browser's function takes, keeps its name too. `WIDGET=… vitest run tests/panel` tries the outcome.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { minify } from "terser";

/** Shorten a bundled script; `sources` is the folder that it was bundled from. */
export async function shorten(file, sources) {
  const code = await readFile(file, "utf8");
  const { code: short } = await minify(code, {
    module: true,
    ecma: 2022,
    compress: { passes: 3, ecma: 2022, unsafe_arrows: true, pure_getters: true, keep_fargs: false },
    mangle: { properties: { regex: await ownNames(code, sources) } },
  });
  await writeFile(file, short);
}

const BLOCK = /^(?:export )?(?:interface|class) [^{]*\{\n([^]*?)^\}/gm;
const MEMBER = /^ {2}(?:declare |readonly |get )*([a-z]\w{2,})\??[:(<]/gm;
const STRING = /(["'`])([a-zA-Z]\w*)\1/g;

async function ownNames(code, sources) {
  const names = new Set();
  let foreign = await readFile(join(sources, "types.ts"), "utf8");
  for (const path of await readdir(sources, { recursive: true })) {
    if (!/\.tsx?$/.test(path) || path === "types.ts") continue;
    const text = await readFile(join(sources, path), "utf8");
    for (const [, block] of text.matchAll(BLOCK))
      for (const [, name] of block.matchAll(MEMBER)) names.add(name);
    // An element of the DOM, or one that may be: its attributes are the DOM's.
    for (const [element] of text.matchAll(/<[a-z]\w*\s[^]*?>/g)) foreign += element;
  }
  for (const name of foreign.match(/\w+/g)) names.delete(name);
  for (const [, , name] of code.matchAll(STRING)) names.delete(name);
  return new RegExp(`^(?:${[...names].join("|")})$`);
}
