// No part of a message's way takes five per cent more instructions than bench/counts.json says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, failed, judge } from "./judge.mjs";
import { build, count, missing, place, stored } from "./measure.mjs";

const { taken, counts } = stored();
const elsewhere = differences(place(), taken);
const unjudged = missing() ?? (elsewhere.length > 0 && `not judged: ${elsewhere.join("; ")}`);

test("instruction counts", { skip: unjudged }, async (context) => {
  await build();
  for (const row of judge(await count(), counts)) {
    await context.test(row.says, () => assert.ok(!failed(row), row.says));
  }
});
