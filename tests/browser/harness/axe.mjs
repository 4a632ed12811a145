// What axe finds serious or critical on a page: nothing, or the test fails with it.

import assert from "node:assert/strict";
import axe from "axe-core";

export async function clean(reader, where) {
  await reader.page.evaluate(axe.source);
  const { violations } = await reader.page.evaluate(() => globalThis.axe.run());
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = grave.map(({ id, help, nodes }) =>
    [`${id}: ${help}`, ...nodes.map((node) => `  ${node.target.join(" ")}: ${node.failureSummary}`)].join("\n"),
  );
  assert.deepEqual(told, [], `axe on ${where}`);
}
