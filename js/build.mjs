// Bundles the panel into the Python package, and, when asked, the demo page that needs no notebook.
//   node build.mjs                 ../jupyter_jobs/static/widget.{js,css}; --sizes tells what each file takes
//   node build.mjs --watch         the same again at each change (with ANYWIDGET_HMR=1 the notebook follows)
//   node build.mjs --demo [dir]    demo.html with what it needs, by default into .demo/

import { copyFile, mkdir } from "node:fs/promises";
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
  await shorten(join(here, widget.outdir), join(here, "src"));
  if (arguments_.includes("--sizes")) console.log(await esbuild.analyzeMetafile(metafile));
}
