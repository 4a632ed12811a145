// The package itself in three tabs that talk while their server is killed, again and again, at moments nobody chose.
// READREALM_KILLS says how often, READREALM_SEED when: a run prints its own.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { repository } from "../harness/needs.mjs";
import { RETURN_MS } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const KILLS = Number(process.env.READREALM_KILLS ?? 20);
const SEED = Number(process.env.READREALM_SEED ?? randomInt(2 ** 31));
const BOOK = 28520;
/** One user in two of the tabs. */
const TABS = [["one", "alice"], ["two", "alice"], ["three", "edmond"]];
/** The traffic is not what is under test: no limit stands in its way. */
const UNLIMITED = ["--messages-per-second", "0", "--user-messages-per-second", "0", "--joins-per-second", "0"];
const LONGEST_LIFE_MS = 1_200;
const LONGEST_DEATH_MS = 300;

const files = mkdtempSync(join(tmpdir(), "readrealm-kills-"));
cpSync(join(repository, "sdk/dist"), join(files, "dist"), { recursive: true });
cpSync(fileURLToPath(new URL("../harness/talker.html", import.meta.url)), join(files, "index.html"));
after(() => rmSync(files, { recursive: true, force: true }));

story(`${KILLS} times kill -9 under three talking tabs: each hears the one log, each send has one outcome`, async (stage) => {
  console.log(`READREALM_KILLS=${KILLS} READREALM_SEED=${SEED}`);
  const random = generator(SEED);
  const server = await stage.server({ store: await stage.store("sqlite"), flags: UNLIMITED, files });
  const tabs = await open(stage, server);
  const began = Date.now();
  for (const [index, [name]] of TABS.entries()) await tabs[index].evaluate((name) => void talk(name), name);

  for (let kill = 1; kill <= KILLS; kill++) {
    // Under traffic: one of the tabs at least is back, perhaps not the others.
    const back = Math.floor(random() * tabs.length);
    await until(`tab ${back + 1} is back`, () => tabs[back].evaluate(() => chat.state.status), "connected", RETURN_MS);
    await pause(random() * LONGEST_LIFE_MS);
    await server.kill();
    await pause(random() * LONGEST_DEATH_MS);
    await server.restart();
    await online(tabs);
  }

  for (const tab of tabs) await tab.evaluate(() => hush());
  await calm(tabs);
  const log = await readLog(server);
  const ends = await Promise.all(tabs.map(told));
  judge(log, ends);

  const total = (key) => ends.reduce((sum, end) => sum + end[key], 0);
  const seconds = (Date.now() - began) / 1000;
  console.log(`${total("sent")} sends, ${total("posts")} posts on the wire, ${log.length} messages in the log, ${seconds.toFixed(1)} s`);
});

async function open(stage, server) {
  const first = await stage.reader(server, "The tabs");
  const readers = [first, await stage.tabOf(first), await stage.tabOf(first)];
  for (const [index, { page }] of readers.entries()) {
    await page.goto(`${server.origin}/?book=${BOOK}&user=${TABS[index][1]}`);
    await page.waitForFunction(() => window.room);
  }
  return readers.map(({ page }) => page);
}

/** The pauses between attempts have grown to 20 s by the sixth kill; a page that comes online makes none. */
const online = (tabs) => Promise.all(tabs.map((tab) => tab.evaluate(() => window.dispatchEvent(new Event("online")))));

async function calm(tabs) {
  for (const [index, tab] of tabs.entries()) {
    const open = () => tab.evaluate(() => sent - outcomes.length);
    await until(`every send of tab ${index + 1} has an outcome`, open, 0, RETURN_MS);
  }
  const last = () => Promise.all(tabs.map((tab) => tab.evaluate(() => heard.at(-1)[0])));
  await until("all have heard the last one", last, (all) => new Set(all).size === 1, RETURN_MS);
}

const told = (tab) =>
  tab.evaluate(() => ({ heard, others, outcomes, sent, posts, shown: room.messages.map(({ id }) => id) }));

/** The whole log, oldest first, by pages of the plain HTTP interface. */
async function readLog(server) {
  const newestFirst = [];
  for (let more = true, before = ""; more; before = `&before=${newestFirst.at(-1).seq}`) {
    const page = await (await fetch(`${server.origin}/rooms/${BOOK}/messages?limit=100${before}`)).json();
    newestFirst.push(...page.messages);
    more = page.hasMore;
  }
  return newestFirst.reverse().map(({ seq, id, content }) => [seq, id, content]);
}

function judge(log, ends) {
  const contents = log.map(([, , content]) => content);
  assert.equal(new Set(contents).size, log.length, "a message stands twice in the log");
  assert.deepEqual(log.map(([seq]) => seq), log.map((_, index) => index + 1), "the log has a hole");
  assert.equal(log.length, ends.reduce((sum, { sent }) => sum + sent, 0), "as many as were sent");

  const since = Math.max(...ends.map(({ heard }) => heard[0][0]));
  const standing = new Map(log.map(([seq, id, content]) => [content, [id, seq]]));
  for (const [index, { heard, others, outcomes, sent, shown }] of ends.entries()) {
    const [name] = TABS[index];
    const tab = `tab ${name}`;
    assert.deepEqual(others, [], `${tab} heard other events`);
    assert.deepEqual(heard.filter(([seq]) => seq >= since), log.slice(since - 1), `${tab} heard something else than the log`);
    assert.equal(heard[0][0] + heard.length - 1, log.length, `${tab} heard something out of its turn`);
    assert.deepEqual(shown, log.slice(-shown.length).map(([, id]) => id).reverse(), `${tab} shows something else than the log`);

    assert.equal(outcomes.length, sent, `${tab}: an outcome for each send`);
    const words = outcomes.map(([content]) => content);
    assert.equal(new Set(words).size, sent, `${tab}: one outcome for each send`);
    for (const [content, id, seq, status] of outcomes) {
      assert.deepEqual([id, seq, status], [...standing.get(content), "sent"], `${tab}: the outcome of "${content}"`);
    }
    const own = contents.filter((content) => content.startsWith(`${name} `));
    assert.deepEqual(own, own.map((_, number) => `${name} ${number + 1}`), `${tab}: its words in the order they were sent`);
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
