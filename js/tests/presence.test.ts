import { expect, test } from "vitest";
import { presenceOf, secondsToRetry } from "../src/presence.ts";
import type { Connection, ConnectionState } from "../src/types.ts";

const connection = (state: ConnectionState, retryAt: number | null = null): Connection => ({
  state,
  detail: "",
  retryAt,
  attempt: 1,
  asOf: 0,
});

test.each<[ConnectionState, string, boolean]>([
  ["connected", "live", false],
  ["idle", "idle", false],
  ["connecting", "connecting", false],
  ["stale", "stale", true],
  ["reconnecting", "reconnecting", true],
  ["auth_failed", "sign-in needed", true],
  ["closed", "closed", true],
])("a connection that is %s is called %s", (state, word, frozen) => {
  expect(presenceOf("live", connection(state))).toMatchObject({ kind: state, word, frozen });
});

test("a silent kernel is not live, whatever it last said", () => {
  expect(presenceOf("silent", connection("connected"))).toMatchObject({
    word: "not live",
    frozen: true,
  });
});

test("before the first word nothing is called live", () => {
  expect(presenceOf("waiting", connection("connected")).word).toBe("connecting");
});

test("the seconds to the next try are counted up, and never below zero", () => {
  expect(secondsToRetry(connection("reconnecting", 8100), 1000)).toBe(8);
  expect(secondsToRetry(connection("reconnecting", 500), 1000)).toBe(0);
  expect(secondsToRetry(connection("reconnecting"), 1000)).toBeNull();
});
