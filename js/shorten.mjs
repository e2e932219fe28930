// Makes the bundle shorter than esbuild does: terser says the same in fewer words, and names that only the bundle knows
// get a few letters.
//
// Names of classes and of variables of the style sheet (`jj-…`) change in script and styles alike; each is spelled whole
// but for the last part of a family, which has one letter: `jj-p-${tone}`. Names of properties change when the sources
// declare them, as members of an interface, a class or a component's props. Of these keep their names: fields of messages (`types.ts`), whatever the DOM knows (terser has the
// list), attributes of the DOM's elements, and each name that also stands in a string, for it may be looked up by that.
// What is not declared, as the options that a browser's function takes, keeps its name too.
// `node build.mjs --classes && WIDGET=… vitest run tests/panel` tries the outcome, with the classes that tests look for.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "acorn";
import { transform } from "esbuild";
import { minify } from "terser";

/**
 * Shorten `widget.js` and `widget.css` in a folder.
 * @param sources The folder that they were bundled from.
 * @param keepsClasses Whether names of classes stay.
 */
export async function shorten(folder, sources, keepsClasses = false) {
  const [js, css] = [join(folder, "widget.js"), join(folder, "widget.css")];
  const [code, styles] = await Promise.all([readFile(js, "utf8"), readFile(css, "utf8")]);
  const { code: own } = await minify(arrows((await transform(code)).code), {
    module: true,
    ecma: 2022,
    compress: {
      passes: 8,
      unsafe: true,
      ecma: 2022,
      unsafe_arrows: true,
      pure_getters: true,
      keep_fargs: false,
      hoist_funs: true,
    },
    mangle: { properties: { regex: await ownNames(code, sources), reserved: ["on"] } },
  });
  const regex = anyOf([...SHARED, ...attributes(await readFile(join(sources, "dom.ts"), "utf8"))]);
  const { code: short } = await minify(pooled(own), {
    module: true,
    compress: false,
    mangle: { properties: { regex, builtins: true, reserved: ["on"] } },
  });
  const rename = keepsClasses ? (part) => part : classNames(short + styles);
  await Promise.all([writeFile(js, rename(short)), writeFile(css, rename(tight(styles)))]);
}

// esbuild leaves the spaces of variables' values, of alternatives and of comparisons.
const tight = (styles) => styles.replace(/ ?([:,/]|[<>]=?) /g, "$1");

// Names that the DOM has too, but that only the panel's own objects are asked for.
const SHARED = [
  ...[
    "cells",
    "collapsed",
    "count",
    "counted",
    "expanded",
    "finished",
    "first",
    "groupBy",
    "heads",
  ],
  ...["isTrying", "items", "level", "open", "outline", "part", "path", "phase", "pulse", "query"],
  ...["start", "store", "token", "view", "weight"],
];

// A function at the left edge of what esbuild writes when it has room, and its body.
const functionsAt = (edge) =>
  new RegExp(`^${edge}(async )?function ([\\w$]+)\\(([^]*?)\\) \\{\\n([^]*?)^${edge}\\}\\n`, "gm");

/**
 * Functions as constants, before all else as they are known before all else; none asks for `this`. What is said most
 * comes first, and so gets the shortest names.
 */
function arrows(code, edge = "") {
  const constants = [];
  const rest = code.replace(functionsAt(edge), (_, async = "", name, params, body) => {
    const text = `const ${name} = ${async}(${params}) => {\n${arrows(body, `${edge}  `)}};\n`;
    constants.push([code.split(new RegExp(`(?<![\\w$])${name}(?![\\w$])`)).length, text]);
    return "";
  });
  constants.sort(([a], [b]) => b - a);
  return constants.map(([, text]) => text).join("") + rest;
}

// Those that no test replaces while the panel is there.
const GLOBALS = ["document", "Math", "Object"];

// What is said so often has its name before functions have theirs.
const MANY = 4;

/** What is said often as constants: strings, `null`, globals. Names of classes get short by themselves. */
function pooled(code) {
  const places = new Map();
  const look = (node, parent, field) => {
    if (Array.isArray(node)) return node.forEach((each) => look(each, parent, field));
    if (!node?.type) return;
    const isValue = !["key", "property"].includes(field) || parent.computed;
    const isTypeof = parent?.left?.operator === "typeof" || parent?.right?.operator === "typeof";
    const { type, raw = node.name, start } = node;
    const isOne =
      type === "Literal" ? /^(null|"(?!jj-).*")$/.test(raw) : GLOBALS.includes(raw) && isValue;
    if (isOne && isValue && !isTypeof) places.set(raw, [...(places.get(raw) ?? []), start]);
    for (const [name, kid] of Object.entries(node)) look(kid, node, name);
  };
  const program = parse(code, { ecmaVersion: "latest", sourceType: "module" });
  look(program);
  const short = 2; // a name, as it will be
  const often = [...places]
    .filter(([raw, { length }]) => length * (raw.length - short) > raw.length + short + ",=".length)
    .sort(([, { length: m }], [, { length: n }]) => n - m);
  const names = new Map(often.map(([raw], index) => [raw, `POOLED_${index}`]));
  const found = often.flatMap(([raw, starts]) => starts.map((start) => [start, raw]));
  const isFunctions = ({ declarations }) =>
    declarations?.every(({ init }) => init?.type === "ArrowFunctionExpression");
  const { start: middle } = program.body.find((statement) => !isFunctions(statement));
  const constants = (some) =>
    some.length ? `const ${some.map((raw) => `${names.get(raw)}=${raw}`)};` : "";
  const many = often.filter(([, { length }]) => length >= MANY).map(([raw]) => raw);
  const few = often.filter(([, { length }]) => length < MANY).map(([raw]) => raw);
  let [rest, from] = [constants(many), 0];
  for (const [start, raw] of [...found, [middle, ""]].sort(([a], [b]) => a - b)) {
    rest += code.slice(from, start) + (raw ? ` ${names.get(raw)} ` : constants(few));
    from = start + raw.length;
  }
  return rest + code.slice(from);
}

const BLOCK = /\b(?:interface|class) [^{]*\{\n([^]*?)^\}|[:&] (\{\n[^]*?\n {2,}\})/gm;
const MEMBER = /^ +(?:declare |readonly |get )*([a-z]\w{2,})\??[:(<]/gm;
// A family, of which the page puts the last part behind (`jj-p-${tone}`), has one name.
const CLASS = /(?:--)?jj-(?:[a-z]-|[\w-]+)/g;
const STRING = /(?<=["'`])([a-zA-Z]\w*)(?=["'`])/g;

const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

async function ownNames(code, sources) {
  const names = new Set();
  const messages = await readFile(join(sources, "types.ts"), "utf8");
  const foreign = all(messages.replace(/\/\*[^]*?\*\//g, ""), /(\w+)\??:/g);
  for (const path of await readdir(sources, { recursive: true })) {
    if (!/\.tsx?$/.test(path) || path === "types.ts") continue;
    const text = await readFile(join(sources, path), "utf8");
    for (const [block] of text.matchAll(BLOCK))
      for (const [, name] of block.matchAll(MEMBER)) names.add(name);
    foreign.push(...all(tags(text), /(\w+)=/g));
  }
  for (const name of [...foreign, ...all(code, STRING)]) names.delete(name);
  return anyOf([...names]);
}

const anyOf = (names) => new RegExp(`^(?:${names.join("|")})$`);

/** The keys of the table of attributes. */
const attributes = (source) => all(/ATTRIBUTES[^]*?\{([^]*?)\}/.exec(source)[1], /"?([\w-]+)"?:/g);

/** The tags of the DOM's elements, without the code in their braces. */
function tags(text) {
  let said = "";
  for (const { index } of text.matchAll(/<[a-z]\w*\s/g)) {
    let depth = 0;
    for (const letter of text.slice(index)) {
      if (letter === "{") depth += 1;
      else if (letter === "}") depth -= 1;
      else if (!depth) said += letter;
      if (!depth && letter === ">") break;
    }
  }
  return said;
}

/** Give each `jj-…` of script and styles a short name; the most frequent ones the shortest. */
function classNames(text) {
  const counts = new Map();
  for (const [name] of text.matchAll(CLASS)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts.keys()].sort(
    (a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1),
  );
  // A variable of the panel is inherited by the panel alone: it needs no prefix.
  const numbered = (isVariable, prefixOf) =>
    names
      .filter((name) => name.startsWith("--") === isVariable)
      .map((name, index) => [name, prefixOf(index) + (index % 36).toString(36)]);
  const short = new Map([
    ...numbered(true, (index) => `--${index < 36 ? "" : "j"}`),
    ...numbered(false, (index) => "jqzx"[Math.floor(index / 36)]),
  ]);
  return (part) => part.replace(CLASS, (name) => short.get(name) + (name.endsWith("-") ? "-" : ""));
}
