import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSpace } from "./space.mjs";

test("a place without room stops the run, in one sentence that names it", () => {
  assert.throws(() => checkSpace(["/proc/none/yet"], true), /^Error: \/proc\/none\/yet has 0\.0 GB free, and the tests need/);
});
