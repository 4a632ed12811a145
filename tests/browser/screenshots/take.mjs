// npm run screenshots: the pictures of the page for the documentation, taken of the real thing.

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { closeBrowser } from "../harness/browser.mjs";
import { repository } from "../harness/needs.mjs";
import { PHONE, shelf } from "../harness/reader.mjs";
import { Stage } from "../harness/stage.mjs";
import { conversation } from "./conversation.mjs";

const FOLDER = join(repository, "docs/screenshots");
const WIDE = { viewport: { width: 1280, height: 930 } };
const SHELF = { width: 1120, height: 640 };
// The colour of a reader comes from the user id; with these, three that go together, in every run.
const USER_IDS = { Alice: "alice", Edmond: "edmond", Mina: "mina" };
const LARGEST_BYTES = 300_000;

const stage = new Stage();
try {
  mkdirSync(FOLDER, { recursive: true });
  await takeAll();
  if (stage.watch.problems.length > 0) throw new Error(stage.watch.problems.join("\n"));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stage.close();
  await closeBrowser();
}

async function takeAll() {
  const server = await stage.server();
  const readers = {};
  for (const [name, userId] of Object.entries(USER_IDS)) {
    const reader = await stage.reader(server, name, { ...(name === "Alice" ? PHONE : WIDE), reducedMotion: "reduce" });
    await reader.page.addInitScript((id) => localStorage.setItem("readrealm.userId", id), userId);
    await reader.enterByLink(shelf.alice);
    readers[name] = reader;
  }
  const { Alice, Edmond, Mina } = readers;
  const said = [];
  for (const [name, text] of conversation) {
    await readers[name].write(text);
    said.push(text);
    await Mina.sees(said);
  }
  await Promise.all([Alice.sees(said), Edmond.sees(said)]);

  for (const { page } of [Alice, Edmond, Mina]) await page.evaluate(() => document.activeElement.blur());
  await take(Mina, "room");
  await take(Alice, "phone");
  await Edmond.page.emulateMedia({ colorScheme: "dark" });
  await take(Edmond, "room-dark");
  await Mina.page.setViewportSize(SHELF);
  await Mina.openShelf();
  await take(Mina, "shelf");
}

async function take(reader, name) {
  const path = join(FOLDER, `${name}.png`);
  await reader.page.mouse.move(0, 0);
  await reader.page.screenshot({ path, animations: "disabled", caret: "hide" });
  const { size } = statSync(path);
  console.log(`${path}  ${Math.round(size / 1000)} kB`);
  if (size > LARGEST_BYTES) throw new Error(`${path} is over ${LARGEST_BYTES / 1000} kB.`);
}
