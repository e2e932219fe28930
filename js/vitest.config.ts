import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
// `DOM=preact vitest run` draws with Preact, whose semantics `src/dom.ts` has.
const onPreact = process.env.DOM === "preact";
// `WIDGET=../jupyter_jobs/static/widget.js vitest run tests/panel` tries the bundle.
const bundle = process.env.WIDGET;
const alias = [
  ...(onPreact ? [{ find: /^.*\/dom\.ts$/, replacement: at("tests/preact.ts") }] : []),
  ...(bundle ? [{ find: /^.*\/widget\.tsx$/, replacement: at(bundle) }] : []),
];

export default defineConfig({
  resolve: { alias },
  oxc: { jsx: { runtime: "classic", pragma: "h", pragmaFrag: "Fragment", development: false } },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.{ts,tsx}"],
    exclude: onPreact ? ["tests/dom_moves.test.tsx"] : [],
    restoreMocks: true,
    isolate: false, // loading happy-dom anew for each file took four fifths of the time
    testTimeout: 60_000, // it ends a test that hangs; on a busy machine some take seconds
  },
});
