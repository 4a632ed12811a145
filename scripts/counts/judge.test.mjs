import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, failed, judge, updated } from "./judge.mjs";

const only = (counted, stored) => judge(counted, stored)[0];

for (const [count, verdict, fails] of [
  [1_000, "fine", false],
  [1_050, "fine", false],
  [1_051, "worse", true],
  [950, "fine", false],
  [949, "better", false],
]) {
  test(`${count} instructions after 1000: ${verdict}`, () => {
    const row = only({ decode: count }, { decode: 1_000 });
    assert.equal(row.verdict, verdict);
    assert.equal(failed(row), fails);
  });
}

test("says which benchmark, and by how much", () => {
  assert.equal(only({ fold: 1_100_000 }, { fold: 1_000_000 }).says, "fold: 1,100,000 instructions, +10.0 % of 1,000,000; 5 % more are borne");
  assert.match(only({ fold: 900 }, { fold: 1_000 }).says, /-10\.0 % .*; better: store it with npm run counts -- --update$/);
});

test("what is stored and not counted fails, and so does the other way round", () => {
  assert.deepEqual(judge({ a: 1 }, { b: 1 }).map(({ name, verdict }) => [name, verdict]), [["b", "gone"], ["a", "new"]]);
  assert.ok(judge({ a: 1 }, { b: 1 }).every(failed));
});

test("an update stores what is outside the tolerance, new or named, and keeps the rest", () => {
  const stored = { fine: 1_000, worse: 1_000, better: 1_000, gone: 1_000 };
  const counted = { fine: 1_040, worse: 1_100, better: 900, new: 7 };
  assert.deepEqual(updated(counted, stored), { fine: 1_000, worse: 1_100, better: 900, new: 7 });
  assert.deepEqual(updated(counted, stored, ["fine"]), { fine: 1_040, worse: 1_100, better: 900, new: 7 });
});

test("counts of another compiler or another libc are not compared", () => {
  const here = { rustc: "1.95.0", libc: "2.36" };
  assert.deepEqual(differences(here, { ...here }), []);
  assert.deepEqual(differences(here, { ...here, rustc: "1.96.0" }), ["rustc is 1.95.0, and was 1.96.0"]);
  assert.deepEqual(differences(here, { rustc: "1.95.0" }), ["libc is 2.36, and was unknown"]);
});
