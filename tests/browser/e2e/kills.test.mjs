// The package itself in three tabs that talk while their server is killed, again and again, at moments nobody chose.
// READREALM_KILLS says how often, READREALM_SEED when: a run prints its own.

import { randomInt } from "node:crypto";
import { rmSync } from "node:fs";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { story } from "../harness/story.mjs";
import { calm, generator, judge, readLog, Talker, talkerFiles } from "../harness/talkers.mjs";

const KILLS = Number(process.env.READREALM_KILLS ?? 20);
const SEED = Number(process.env.READREALM_SEED ?? randomInt(2 ** 31));
/** In a run without a hint the pauses grow with every kill; and in one with reloads there is much else. */
const FEW = Math.min(KILLS, 4);
/** One user in two of the tabs. */
const TABS = [["one", "alice"], ["two", "alice"], ["three", "edmond"]];
/** The traffic is not what is under test: no limit stands in its way. */
const UNLIMITED = ["--messages-per-second", "0", "--user-messages-per-second", "0", "--joins-per-second", "0"];
/** The page of these tests is one file, with its script in it. */
const FLAGS = [...UNLIMITED, "--content-security-policy", ""];
const LONGEST_LIFE_MS = 1_200;
const LONGEST_DEATH_MS = 300;

const files = talkerFiles();
after(() => rmSync(files, { recursive: true, force: true }));

story(`${KILLS} times kill -9 under three talking tabs: each hears the one log, each send has one outcome`, (stage) =>
  talk(stage, { kills: KILLS, back: (all) => Promise.all(all.map((talker) => talker.online())) }),
);

story(`${FEW} times kill -9, and nothing tells the tabs that the server is back`, (stage) => talk(stage, { kills: FEW }));

story(`${FEW} times kill -9, tabs loaded anew under traffic and while the server is away: no word is lost`, (stage) =>
  talk(stage, {
    kills: FEW,
    outbox: "persist",
    before: (all, one) => one(all).reload(),
    meanwhile: (all, one) => one(all).reload(),
    back: (all) => Promise.all(all.map((talker) => talker.online())),
  }),
);

/** What else happens at a kill is called with all talkers, and with what draws one of them. */
async function talk(stage, { kills, outbox = "", before, meanwhile, back }) {
  console.log(`READREALM_KILLS=${KILLS} READREALM_SEED=${SEED}`);
  const random = generator(SEED);
  const one = (all) => all[Math.floor(random() * all.length)];
  const server = await stage.server({ store: await stage.store("sqlite"), flags: FLAGS, files });
  const talkers = await open(stage, server, outbox);
  const began = Date.now();

  for (let kill = 1; kill <= kills; kill++) {
    // Under traffic: one of the tabs at least is back, perhaps not the others.
    await one(talkers).isBack();
    await pause(random() * LONGEST_LIFE_MS);
    await before?.(talkers, one);
    await pause(random() * LONGEST_DEATH_MS);
    await server.kill();
    await meanwhile?.(talkers, one);
    await pause(random() * LONGEST_DEATH_MS);
    await server.restart();
    await back?.(talkers, one);
  }

  for (const talker of talkers) await talker.hush();
  await calm(talkers);
  const log = await readLog(server);
  const gone = talkers.flatMap((talker) => talker.before);
  const living = await Promise.all(talkers.map((talker) => talker.tell()));
  judge(log, gone, living);

  const total = (key) => [...gone, ...living].reduce((sum, end) => sum + end[key], 0);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const loads = outbox && `, ${gone.length} pages loaded over`;
  console.log(`${total("sent")} sends, ${total("posts")} posts on the wire, ${log.length} messages in the log${loads}, ${seconds} s`);
}

async function open(stage, server, outbox) {
  const first = await stage.reader(server, "The tabs");
  const readers = [first, await stage.tabOf(first), await stage.tabOf(first)];
  const talkers = readers.map(({ page }, index) => new Talker(page, server, ...TABS[index], outbox));
  for (const talker of talkers) {
    if (outbox) await talker.servedFrom(files, server);
    await talker.open();
  }
  return talkers;
}
