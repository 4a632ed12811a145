import assert from "node:assert/strict";
import { shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const people = (reader) => reader.page.getByRole("complementary", { name: "About this room" }).getByRole("listitem").allInnerTexts();
const named = (texts) => texts.map((text) => text.split("\n")).flat().filter((line) => line.length > 1);

story("two browsers talk in one room", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enterByLink(shelf.alice);

  await alice.write("The Cheshire Cat scene is my favourite!");
  await edmond.sees(["The Cheshire Cat scene is my favourite!"]);
  await edmond.write("A grin without a cat 😺");
  await alice.sees(["The Cheshire Cat scene is my favourite!", "A grin without a cat 😺"]);

  // Both at once, not in turn.
  const speak = async (reader) => {
    for (let n = 1; n <= 5; n++) await reader.write(`${reader.name}'s thought ${n}`);
  };
  await Promise.all([speak(alice), speak(edmond)]);
  const whole = (all) => all.length === 12 && all.every(({ seq }) => seq !== null);
  const seen = await until("Alice sees all 12 messages", () => alice.messages(), whole);
  assert.deepEqual(seen.map(({ seq }) => seq), Array.from({ length: 12 }, (_, i) => i + 1));
  const edmondSaw = await edmond.sees(seen.map(({ content }) => content));
  assert.deepEqual(edmondSaw.map(({ seq }) => seq), seen.map(({ seq }) => seq));

  assert.equal(await alice.state(), "connected");
  assert.equal(await edmond.state(), "connected");
  // Each page calls its own reader "You".
  assert.deepEqual(seen.slice(0, 2).map(({ author }) => author), ["You", "Edmond"]);
  assert.deepEqual(edmondSaw.slice(0, 2).map(({ author }) => author), ["Alice", "You"]);
  for (const reader of [alice, edmond]) {
    await until(`${reader.name} sees who is here`, async () => named(await people(reader)).filter((name) => name !== "you").sort(), [
      "Alice",
      "Edmond",
    ]);
  }
});

story("a reload shows the history once, in order", async (stage) => {
  const server = await stage.server({ store: await stage.store("sqlite") });
  const alice = await stage.reader(server, "Alice");
  await alice.enter(shelf.moby);
  const lines = Array.from({ length: 12 }, (_, n) => `Page ${n + 1} of the log of the Pequod`);
  for (const line of lines) await alice.write(line);
  const before = await alice.sees(lines);

  await alice.page.reload();
  await alice.arrived(shelf.moby);
  assert.deepEqual(await alice.sees(lines), before);

  await alice.write("After the reload");
  await alice.sees([...lines, "After the reload"]);
});

story("two tabs of one reader show the same", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await alice.enter(shelf.dracula);
  const other = await stage.tabOf(alice);
  await other.page.goto(`${server.origin}/#/book/${shelf.dracula.id}`);
  await other.arrived(shelf.dracula);

  await alice.write("Written in the first tab");
  await other.sees(["Written in the first tab"]);
  await other.write("Written in the second tab");
  const seen = await alice.sees(["Written in the first tab", "Written in the second tab"]);
  assert.deepEqual(seen.map(({ author }) => author), ["You", "You"]);
  await until("one reader is here", async () => named(await people(alice)).filter((name) => name !== "you"), ["Alice"]);
});

story("a word that cannot be markup stays a word", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "<b>Alice</b>");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  const texts = ["<img src=x onerror=alert(1)> & <b>bold</b>", "javascript:alert(1) [x](javascript:alert(1))"];
  for (const text of texts) await alice.write(text);
  const seen = await edmond.sees(texts);
  assert.equal(seen[0].author, "<b>Alice</b>");
  assert.equal(await edmond.log.locator("img, b, a").count(), 0);
});
