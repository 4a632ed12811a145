// npm test [-- SUITE...]: one suite after the other; a failing one does not stop the rest.
// The last line is `N passed, N failed`, and lines before it say what was skipped and why; a suite that ran no test has failed.

import { countLine, skipLine } from "./lib/count.mjs";
import { run } from "./lib/process.mjs";
import { Stop, main, say } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";
import { checkSpace } from "./setup/space.mjs";
import { suites } from "./suites.mjs";

const COMMAND_TIMEOUT_MS = 40 * 60_000;

async function test(names) {
  const unknown = names.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown) throw new Stop(`There is no suite ${unknown}; choose from ${suites.map(({ name }) => name).join(", ")}.`);
  const wanted = suites.filter(({ name }) => names.length === 0 || names.includes(name));

  checkSpace();
  const rows = [];
  for (const [index, suite] of wanted.entries()) {
    console.log(`\n=== ${suite.name} (${index + 1} of ${wanted.length}) ===`);
    rows.push(await timed(suite));
  }
  report(rows);
  return rows.some(({ failed }) => failed > 0) ? 1 : 0;
}

async function timed(suite) {
  const start = Date.now();
  const total = { passed: 0, failed: 0, skipped: [] };
  try {
    const env = await prepare(suite.needs);
    await suite.build?.();
    for (const command of suite.commands) {
      const { passed, failed, skipped = [] } = await execute(command, env);
      total.passed += passed;
      total.failed += failed;
      total.skipped.push(...skipped);
    }
  } catch (error) {
    console.error(error.message);
    total.failed += 1;
  }
  if (total.passed + total.failed === 0) {
    console.error(`The suite ${suite.name} ran no test.`);
    total.failed = 1;
  }
  return { name: suite.name, ...total, seconds: (Date.now() - start) / 1000 };
}

async function execute({ command, args, env: own, check, silent }, tools) {
  const env = { ...tools, ...own };
  const line = typeof args === "function" ? args(env) : args;
  console.log(`$ ${[command, ...line].join(" ")}`);
  const counted = { passed: 0, failed: 0, skipped: [] };
  const onLine = (text) => {
    const { passed, failed } = countLine(text) ?? { passed: 0, failed: 0 };
    counted.passed += passed;
    counted.failed += failed;
    const skipped = skipLine(text);
    if (skipped) counted.skipped.push(skipped);
  };
  const code = await run(command, line, { env, show: true, onLine, timeout: COMMAND_TIMEOUT_MS });
  if (check) {
    say(check, code === 0 ? "passed" : `failed (${code})`);
    return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  // A runner that did not compile, crashed or hung counts as one failure, whatever it printed before.
  if (code !== 0 && counted.failed === 0) {
    console.error(`${command} failed (${code}).`);
    counted.failed = 1;
  }
  return silent ? { passed: 0, failed: counted.failed } : counted;
}

function report(rows) {
  const columns = (...cells) => cells.map((cell, index) => (index ? String(cell).padStart(9) : cell.padEnd(12))).join("");
  console.log(`\n${columns("suite", "passed", "failed", "seconds")}`);
  for (const row of rows) console.log(columns(row.name, row.passed, row.failed, row.seconds.toFixed(1)));
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  const skipped = rows.flatMap(({ skipped }) => skipped);
  if (skipped.length > 0) console.log("");
  for (const what of skipped) console.log(`skipped: ${what}`);
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`);
}

await main(import.meta, test);
