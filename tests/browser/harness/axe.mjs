// What axe finds on a page, of whatever weight: nothing, or the test fails with it.

import assert from "node:assert/strict";
import axe from "axe-core";

// Off unless asked for: targets of 24 by 24 pixels, or as much room around them.
const RULES = { "target-size": { enabled: true } };

export async function clean(reader, where) {
  await reader.page.evaluate(axe.source);
  const { violations } = await reader.page.evaluate((rules) => globalThis.axe.run({ rules }), RULES);
  const told = violations.map(({ id, impact, help, nodes }) =>
    [`${id} (${impact}): ${help}`, ...nodes.map((node) => `  ${node.target.join(" ")}: ${node.failureSummary}`)].join("\n"),
  );
  assert.deepEqual(told, [], `axe on ${where}`);
}
