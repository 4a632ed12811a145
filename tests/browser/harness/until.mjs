// Waiting for a condition: bounded, and with a message that says what there was instead.

import { isDeepStrictEqual, inspect } from "node:util";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 40;

/** Longer than any wait of a healthy run, on a machine that is compiling beside it. */
export const PATIENCE_MS = 20_000;

/** Resolves once `probe()` gives what `expected` is. `expected` may be a function that takes it or not. */
export async function until(what, probe, expected, timeout = PATIENCE_MS) {
  const fits = typeof expected === "function" ? expected : (value) => isDeepStrictEqual(value, expected);
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await probe();
    if (fits(value)) return value;
    if (Date.now() > deadline) throw new Error(`Not within ${timeout / 1000} s: ${what}.${compared(value, expected)}`);
    await pause(POLL_MS);
  }
}

/** The promise's value, unless it takes too long. */
export async function within(what, promise, timeout = PATIENCE_MS) {
  const over = new AbortController();
  const late = pause(timeout, undefined, { signal: over.signal }).then(() => {
    throw new Error(`Not within ${timeout / 1000} s: ${what}.`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

function compared(value, expected) {
  const show = (any) => inspect(any, { depth: 4, maxArrayLength: 200, breakLength: 120 });
  return `\nThere was: ${show(value)}${typeof expected === "function" ? "" : `\nExpected:  ${show(expected)}`}`;
}
