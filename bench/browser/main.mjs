// npm run bench -- browser [--rounds N] [--messages N]: what a message that is received costs a page's main thread, with
// readrealm-chat and with socket.io-client in the same run. The rounds take turns, each with a page of its own. All pages get the
// same messages in the same bursts, keep the newest 500, and look at the list and its newest in the handler of each:
// readrealm-chat by `room.messages`; socket.io-client in an array that the handler changes, which is the least one can do, and in
// a new array for each message, which is what `setMessages((all) => [message, ...all])` does and a React page needs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { Chromium } from "./chromium.mjs";
import { BOOK, record } from "./record.mjs";
import { startPlayer, startSocketIo } from "./servers.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, messages: { type: "string", default: "10000" } },
});
const [rounds, count] = [atLeastOne("rounds"), atLeastOne("messages")];
/** What both pages keep. */
const KEPT = 500;
/** For what a page puts off until it has time. */
const SETTLE_MS = 200;

const contents = Array.from({ length: count }, (_, n) => `${n}: the Cheshire Cat scene is my favourite${", truly".repeat(n % 7)}!`);
const closing = [];

try {
  const { welcome, frames } = await record(contents);
  const messages = frames.map((frame) => JSON.parse(frame).data);
  const [chromium, site, player] = [await kept(Chromium.start()), await kept(startSocketIo()), await kept(startPlayer(welcome))];

  const newest = messages.slice(-KEPT).map(({ content }) => content);
  const ours = `${site.origin}/readrealm.html?book=${BOOK}&server=${encodeURIComponent(player.url)}`;
  const theirs = (keep) => () => round(chromium, `${site.origin}/socket-io.html?keep=${keep}`, newest, () => site.push(messages));
  const sides = {
    "readrealm-chat": () => round(chromium, ours, newest, () => player.push(frames)),
    "socket.io-client": theirs("in place"),
    "socket.io-client, new array": theirs("anew"),
  };
  const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let turn = 0; turn < rounds; turn++) {
    const order = Object.entries(sides);
    for (const [name, side] of turn % 2 ? order.reverse() : order) results[name].push(await side());
  }
  report(results);
} finally {
  for (const part of closing.reverse()) await part.close();
}

async function kept(starting) {
  const part = await starting;
  closing.push(part);
  return part;
}

/** Microseconds of a message, and milliseconds that all of them took to come. */
async function round(chromium, url, newest, push) {
  const page = await chromium.open(url);
  await page.prepare();
  await page.evaluate(`void (window.done = heard(${count}))`);
  const before = await page.work();
  const began = performance.now();
  const [, pushed] = await Promise.all([page.evaluate("done"), push()]);
  const took = performance.now() - began;
  await page.evaluate(`new Promise((resolve) => setTimeout(resolve, ${SETTLE_MS}))`);
  const shown = await page.evaluate("kept()");
  const after = await page.work();
  assert.deepEqual(shown, newest, `${url} does not keep the newest ${KEPT}`);
  await page.close();
  return { task: (after.task - before.task) / count, script: (after.script - before.script) / count, took };
}

function report(results) {
  const version = (name) => JSON.parse(readFileSync(createRequire(import.meta.url).resolve(`${name}/package.json`), "utf8")).version;
  console.log(`\n${count} messages, ${rounds} rounds by turns; processor time of the page's main thread, µs a message: median (least to most)\n`);
  const line = (...cells) => console.log(cells.map((cell, index) => (index ? cell.padStart(24) : cell.padEnd(34))).join(""));
  line("", "all work", "script alone", "all had come in, ms");
  const [ours, ...others] = Object.entries(results).map(([name, rows]) => {
    const [library, how] = name.split(", ");
    line(`${library} ${version(library)}${how ? `, ${how}` : ""}`, ...["task", "script", "took"].map((key) => spread(rows.map((row) => row[key]), key === "took" ? 0 : 1)));
    return rows;
  });
  for (const [index, theirs] of others.entries()) {
    const ratio = (key) => spread(ours.map((row, turn) => row[key] / theirs[turn][key]), 2);
    line(`ratio to ${Object.keys(results)[index + 1]}`, ratio("task"), ratio("script"));
  }
}

function spread(values, digits) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  return `${middle.toFixed(digits)} (${sorted[0].toFixed(digits)} to ${sorted.at(-1).toFixed(digits)})`;
}

function atLeastOne(name) {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} ${values[name]} is no number of at least 1`);
}
