// npm run screenshots: the pictures of the page for the documentation, taken of the real thing.

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { closeBrowser } from "../harness/browser.mjs";
import { repository } from "../harness/needs.mjs";
import { PHONE, shelf } from "../harness/reader.mjs";
import { Stage } from "../harness/stage.mjs";
import { conversation, meanwhile } from "./conversation.mjs";
import { pointAt, refused, refuseRude, showWriting } from "./states.mjs";

const FOLDER = join(repository, "docs/screenshots");
const WIDE = { viewport: { width: 1280, height: 930 } };
const SHELF = { width: 1120, height: 640 };
// The colour of a reader comes from the user id; with these, three that go together, in every run.
const USER_IDS = { Alice: "alice", Edmond: "edmond", Mina: "mina" };
const LARGEST_BYTES = 300_000;

const blur = ({ page }) => page.evaluate(() => document.activeElement?.blur());

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
    if (name === "Edmond") await refuseRude(reader);
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

  await Mina.press(conversation[6][1], "Edit");
  await Mina.editor.fill(`${conversation[6][1]} Bring a cup.`);
  await Mina.editor.press("Enter");
  said[6] = `${conversation[6][1]} Bring a cup.`;
  await Promise.all([Alice.sees(said), Edmond.sees(said), Mina.sees(said)]);

  await blur(Mina);
  await showWriting(Mina, "Alice and Edmond are writing…", Alice, Edmond);
  await pointAt(Mina, conversation[1][1]);
  await take(Mina, "room");
  for (const { composer } of [Alice, Edmond]) await composer.fill("");

  await showWriting(Alice, "Mina is writing…", Mina);
  await blur(Alice);
  await take(Alice, "phone");
  await Mina.composer.fill("");

  await Edmond.page.emulateMedia({ colorScheme: "dark" });
  await Edmond.write(refused);
  await Edmond.message(refused).getByText("Not sent.").waitFor();
  await Edmond.press(conversation[3][1], "Delete");
  await take(Edmond, "room-dark");

  await awayAndBack(server, Mina, Alice, said);
  await server.restart();
  await Mina.page.setViewportSize(SHELF);
  await Mina.openShelf();
  await take(Mina, "shelf");
}

/** One without a connection, and one who comes back to news. */
async function awayAndBack(server, Mina, Alice, said) {
  await Alice.page.goto(`${server.origin}/#/book/${shelf.moby.id}`);
  await Alice.arrived(shelf.moby);
  for (const text of meanwhile) {
    await Mina.write(text);
    said.push(text);
    await Mina.sees(said);
  }
  await Alice.page.goto(`${server.origin}/#/book/${shelf.alice.id}`);
  await Alice.arrived(shelf.alice);
  await Alice.sees(said);
  await blur(Alice);
  await take(Alice, "phone-unread");

  await server.kill();
  await Mina.banner.getByText("The connection is lost.").waitFor();
  await Mina.write("Is it the tunnel, or is it the tea?");
  await Mina.banner.getByText("1 message waits to be sent.").waitFor();
  await pointAt(Mina, "Is it the tunnel");
  await take(Mina, "offline");
}

async function take(reader, name) {
  const path = join(FOLDER, `${name}.png`);
  await reader.page.screenshot({ path, animations: "disabled", caret: "hide" });
  const { size } = statSync(path);
  console.log(`${path}  ${Math.round(size / 1000)} kB`);
  if (size > LARGEST_BYTES) throw new Error(`${path} is over ${LARGEST_BYTES / 1000} kB.`);
}
