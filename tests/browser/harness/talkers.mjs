// Tabs that talk without ceasing (talker.html), what each of them tells in the end, and the judgement over all of it.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unpack } from "./packed.mjs";
import { RETURN_MS } from "./reader.mjs";
import { until } from "./until.mjs";

const BOOK = 28520;

/** A new folder with the page and the packed package beside it. */
export function talkerFiles() {
  const folder = mkdtempSync(join(tmpdir(), "readrealm-talkers-"));
  unpack(folder);
  cpSync(fileURLToPath(new URL("talker.html", import.meta.url)), join(folder, "index.html"));
  return folder;
}

/** A tab of one user. Each time it is loaded its words begin with another name, so that no two are ever the same. */
export class Talker {
  /** What the pages that were in this tab before have told. */
  before = [];
  #loads = 0;

  constructor(page, server, name, user, outbox) {
    this.page = page;
    this.tab = name;
    this.#address = (name) => `${server.origin}/?${new URLSearchParams({ book: BOOK, user, name, outbox })}`;
  }

  #address;

  get name() {
    return `${this.tab}.${this.#loads}`;
  }

  /** The files come from `folder`, whether the server is there or not. */
  async servedFrom(folder, { origin }) {
    await this.page.route(`${origin}/**`, (route) => {
      const { pathname } = new URL(route.request().url());
      return route.fulfill({ path: join(folder, pathname === "/" ? "index.html" : pathname) });
    });
  }

  /** The first page of the tab, in its room. */
  async open() {
    this.#loads += 1;
    await this.page.goto(this.#address(this.name));
    await this.page.waitForFunction(() => window.room);
  }

  /** Leaves the page in the middle of whatever it does, for another one. */
  async reload() {
    const { name } = this;
    this.#loads += 1;
    const gone = this.page.waitForEvent("framenavigated");
    // In one go, and nothing is said between what it tells and its end.
    const end = await this.page.evaluate((next) => {
      window.hushed = true;
      location.href = next;
      return window.told?.() ?? { heard: [], others: [], outcomes: [], sent: 0, posts: 0 };
    }, this.#address(this.name));
    this.before.push({ name, ...end });
    await gone;
  }

  isBack() {
    return until(`${this.name} is back`, () => this.page.evaluate(() => window.chat?.state.status), "connected", RETURN_MS);
  }

  /** A page that comes online makes no pause; the pauses of one that is told nothing grow with every kill, to 20 s. */
  online() {
    return this.page.evaluate(() => window.dispatchEvent(new Event("online")));
  }

  /** Says nothing more, once it has said something. */
  async hush() {
    await until(`${this.name} talks`, () => this.page.evaluate(() => window.sent ?? 0), (sent) => sent > 0, RETURN_MS);
    await this.page.evaluate(() => (window.hushed = true));
  }

  async tell() {
    const end = await this.page.evaluate(() => ({ ...told(), shown: room.messages.map(({ id }) => id) }));
    return { name: this.name, ...end };
  }
}

/** Waits until nothing is on its way any more, and all have heard the last. */
export async function calm(talkers) {
  for (const { page, name } of talkers) {
    const open = () => page.evaluate(() => sent - outcomes.length);
    await until(`every send of ${name} has an outcome`, open, 0, RETURN_MS);
    const kept = () => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("readrealm-chat/")));
    await until("nothing is written down any more", kept, [], RETURN_MS);
  }
  const last = () => Promise.all(talkers.map(({ page }) => page.evaluate(() => heard.at(-1)[0])));
  await until("all have heard the last one", last, (all) => new Set(all).size === 1, RETURN_MS);
}

/** The whole log, oldest first, by pages of the plain HTTP interface. */
export async function readLog(server) {
  const newestFirst = [];
  for (let more = true, before = ""; more; before = `&before=${newestFirst.at(-1).seq}`) {
    const page = await (await fetch(`${server.origin}/rooms/${BOOK}/messages?limit=100${before}`)).json();
    newestFirst.push(...page.messages);
    more = page.hasMore;
  }
  return newestFirst.reverse().map(({ seq, id, content }) => [seq, id, content]);
}

/** The log against what every page told: `gone`, those that were loaded over, and `living`. */
export function judge(log, gone, living) {
  const contents = log.map(([, , content]) => content);
  assert.equal(new Set(contents).size, log.length, "a message stands twice in the log");
  assert.deepEqual(log.map(([seq]) => seq), log.map((_, index) => index + 1), "the log has a hole");
  const said = [...gone, ...living].reduce((sum, { sent }) => sum + sent, 0);
  assert.equal(log.length, said, "as many as were sent");

  const standing = new Map(log.map(([seq, id, content]) => [content, [id, seq]]));
  for (const { name, heard, others, outcomes, sent } of [...gone, ...living]) {
    assert.deepEqual(others, [], `${name} heard other events`);
    const since = (heard[0]?.[0] ?? 1) - 1;
    assert.deepEqual(heard, log.slice(since, since + heard.length), `${name} heard something else than the log`);

    const words = outcomes.map(([content]) => content);
    assert.equal(new Set(words).size, words.length, `${name}: one outcome for each send`);
    for (const [content, id, seq, status] of outcomes) {
      assert.deepEqual([id, seq, status], [...standing.get(content), "sent"], `${name}: the outcome of "${content}"`);
    }
    const own = contents.filter((content) => content.startsWith(`${name} `));
    const spoken = Array.from({ length: sent }, (_, number) => `${name} ${number + 1}`);
    assert.deepEqual(own, spoken, `${name}: its words, all of them, in the order they were sent`);
  }
  for (const { name, heard, outcomes, sent, shown } of living) {
    assert.equal(heard.at(-1)[0], log.length, `${name} heard the last`);
    assert.equal(outcomes.length, sent, `${name}: an outcome for each send`);
    assert.deepEqual(shown, log.slice(-shown.length).map(([, id]) => id).reverse(), `${name} shows something else than the log`);
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
