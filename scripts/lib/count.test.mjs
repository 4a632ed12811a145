import assert from "node:assert/strict";
import { test } from "node:test";
import { countLine, skipLine } from "./count.mjs";

for (const [line, expected] of [
  ["test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s", { passed: 12, failed: 0 }],
  ["test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 filtered out", { passed: 3, failed: 2 }],
  ["# pass 7", { passed: 7, failed: 0 }],
  ["ℹ pass 7", { passed: 7, failed: 0 }],
  ["# fail 2", { passed: 0, failed: 2 }],
  ["ℹ cancelled 1", { passed: 0, failed: 1 }],
  ["      Tests  1 failed | 4 passed (5)", { passed: 4, failed: 1 }],
  ["      Tests  4 passed (4)", { passed: 4, failed: 0 }],
  ["# tests 9", undefined],
  ["# pass the salt", undefined],
  ["test result_is_kept ... ok", undefined],
]) {
  test(`reads ${JSON.stringify(line)}`, () => assert.deepEqual(countLine(line), expected));
}

for (const [line, expected] of [
  ["﹣ no crate is known (3.2ms) # its list cannot be reached", "no crate is known (its list cannot be reached)"],
  ["  ﹣ a later one (0.1ms) # SKIP", "a later one"],
  ["ok 2 - no crate is known # SKIP its list cannot be reached", "no crate is known (its list cannot be reached)"],
  ["test sqlite::slow ... ignored, takes an hour", "sqlite::slow (takes an hour)"],
  ["test sqlite::slow ... ignored", "sqlite::slow"],
  ["✔ no crate is known (3.2ms)", undefined],
  ["ℹ skipped 1", undefined],
  ["test sqlite::slow ... ok", undefined],
]) {
  test(`reads what ${JSON.stringify(line)} skips`, () => assert.equal(skipLine(line), expected));
}
