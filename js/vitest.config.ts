import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// `DOM=preact vitest run` draws with Preact, whose semantics `src/dom.ts` has.
const preact = fileURLToPath(new URL("tests/preact.ts", import.meta.url));
const onPreact = process.env.DOM === "preact";
const alias = onPreact ? [{ find: /^.*\/dom\.ts$/, replacement: preact }] : [];

export default defineConfig({
  resolve: { alias },
  oxc: { jsx: { runtime: "classic", pragma: "h", pragmaFrag: "Fragment", development: false } },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.{ts,tsx}"],
    exclude: onPreact ? ["tests/dom_moves.test.tsx"] : [],
    restoreMocks: true,
  },
});
