// Bundles the panel into the Python package, and, when asked, the demo page that needs no notebook.
//   node build.mjs                 ../jupyter_jobs/static/widget.{js,css}; --sizes tells what each file takes,
//                                  --classes keeps the names of classes
//   node build.mjs --watch         the same again at each change (with ANYWIDGET_HMR=1 the notebook follows)
//   node build.mjs --demo [dir]    demo.html with what it needs, by default into .demo/

import { copyFile, mkdir, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { shorten } from "./shorten.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const arguments_ = process.argv.slice(2);

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2022",
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  legalComments: "none",
  logLevel: "warning",
};

const widget = {
  ...common,
  entryPoints: ["src/widget.tsx", "src/widget.css"],
  format: "esm",
  outdir: "../jupyter_jobs/static",
  metafile: true,
};

if (arguments_.includes("--demo")) {
  const outdir = arguments_[arguments_.indexOf("--demo") + 1] ?? join(here, ".demo");
  await mkdir(outdir, { recursive: true });
  // A classic script: a page opened from a file may not load modules.
  await esbuild.build({ ...common, entryPoints: ["demo.ts"], format: "iife", outdir });
  await esbuild.build({ ...common, entryPoints: ["src/widget.css"], outdir });
  await copyFile(join(here, "demo.html"), join(outdir, "demo.html"));
} else if (arguments_.includes("--watch")) {
  const context = await esbuild.context(widget);
  await context.watch();
} else {
  const { metafile } = await esbuild.build(widget);
  const keepsClasses = arguments_.includes("--classes");
  await shorten(join(here, widget.outdir), join(here, "src"), keepsClasses);
  if (arguments_.includes("--sizes")) await tellSizes(metafile.outputs);
}

/** What each file takes of the bundle before the script is shortened, then what is left of it. */
async function tellSizes(outputs) {
  let total = 0;
  for (const [path, { inputs }] of Object.entries(outputs)) {
    const { size } = await stat(join(here, path));
    total += size;
    const files = Object.entries(inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
    for (const [name, { bytesInOutput }] of files)
      console.log(`${bytesInOutput}`.padStart(8), name);
    console.log(`${size}`.padStart(8), path);
  }
  console.log(`${total}`.padStart(8), "of 49152");
}
