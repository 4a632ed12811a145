import assert from "node:assert/strict";
import { shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";

// That no text ever shows in two rooms, and none twice in one, is watched in every test: see harness/witness.js.

story("a message in one book never shows in another", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.moby);
  const inAlice = [1, 2, 3, 4, 5].map((n) => `Down the rabbit-hole ${n}`);
  const inMoby = [1, 2, 3, 4, 5].map((n) => `The whiteness of the whale ${n}`);
  for (const n of inAlice.keys()) await Promise.all([alice.write(inAlice[n]), edmond.write(inMoby[n])]);
  await alice.sees(inAlice);
  await edmond.sees(inMoby);

  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  await alice.sees(inMoby);
  await edmond.write("To Alice, in the other room");
  await alice.sees([...inMoby, "To Alice, in the other room"]);
});

story("switching rooms fast ends in the right room, with nothing doubled", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.moby);
  await alice.write("Curiouser and curiouser");
  await alice.sees(["Curiouser and curiouser"]);
  await edmond.write("There she blows");

  const heard = ["There she blows"];
  for (let turn = 1; turn <= 8; turn++) {
    await alice.turnTo(shelf.moby);
    if (turn % 3 === 0) heard.push(`A hump like a snow-hill ${turn}`);
    if (turn % 3 === 0) await edmond.write(heard.at(-1));
    await alice.turnTo(shelf.dracula);
    await alice.turnTo(shelf.alice);
  }
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  assert.match(alice.page.url(), /#\/book\/2701$/);
  await alice.sees(heard);

  await alice.write("I am on board now");
  await edmond.sees([...heard, "I am on board now"]);
  await edmond.write("Welcome");
  await alice.sees([...heard, "I am on board now", "Welcome"]);
});

story("a message sent on the way out is in the room it was written in", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  const said = [];
  for (let turn = 1; turn <= 5; turn++) {
    said.push(`I must be going ${turn}`);
    await alice.write(said.at(-1));
    await alice.turnTo(shelf.moby);
    await alice.arrived(shelf.moby);
    await alice.turnTo(shelf.alice);
    await alice.arrived(shelf.alice);
  }
  await edmond.sees(said);
  await alice.sees(said);
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  await alice.sees([]);
});

story("the back button goes back, and a draft waits in its own room", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await alice.enter(shelf.alice);
  await alice.composer.fill("Half a thought");
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  assert.equal(await alice.composer.inputValue(), "");
  await alice.page.goBack();
  await alice.arrived(shelf.alice);
  assert.equal(await alice.composer.inputValue(), "Half a thought");
  await alice.page.goBack();
  await alice.page.getByRole("list", { name: "Books" }).waitFor();
});
