// What a reader does while the server is away must not cost the words already written.

import assert from "node:assert/strict";
import { join } from "node:path";
import { clean } from "../harness/axe.mjs";
import { builtPage } from "../harness/needs.mjs";
import { RETURN_MS, shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const LETTING_GO_MS = 2_000;

story("words written while the server is away are sent from a room that was left meanwhile", async (stage) => {
  const { server, alice, edmond } = await cutOff(stage);
  await alice.write("One word before I go");
  await alice.turnTo(shelf.moby);
  await alice.page.getByRole("heading", { level: 1, name: shelf.moby.title, exact: true }).waitFor();
  // The page shows nothing of when it lets go of the first room: about a second after it was left.
  const now = () => alice.page.evaluate(() => performance.now());
  const left = await now();
  await until("the page has let go of the first room", now, (time) => time > left + LETTING_GO_MS);

  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  await edmond.sees(["Is anybody here?", "One word before I go"], RETURN_MS);
  await alice.arrived(shelf.moby);
  await alice.sees([]);
  await alice.turnTo(shelf.alice);
  await alice.arrived(shelf.alice);
  await alice.sees(["Is anybody here?", "One word before I go"]);
});

story("words written while the server is away are not lost by choosing another name", async (stage) => {
  const { server, alice, edmond } = await cutOff(stage);
  await alice.write("Who am I, then?");
  await alice.page.getByRole("button", { name: "Change name" }).click();
  await alice.page.getByRole("textbox", { name: "Your name" }).fill("The White Rabbit");
  await alice.page.getByRole("button", { name: "Save" }).click();
  const kept = async () => [await alice.composer.inputValue(), ...(await alice.messages()).map(({ content }) => content)];
  await until("the words stand in the log or in the message box", kept, (all) => all.includes("Who am I, then?"));

  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  await until("the room is there again", async () => (await alice.messages()).length, (count) => count > 0);
  if ((await alice.composer.inputValue()) !== "") await alice.composer.press("Enter");
  await edmond.sees(["Is anybody here?", "Who am I, then?"]);
  await alice.sees(["Is anybody here?", "Who am I, then?"]);
});

story("what waits can be taken back: it is in the message box again, and never sent", async (stage) => {
  const { server, alice, edmond } = await cutOff(stage);
  for (const text of ["I take it back", "This I mean"]) await alice.write(text);
  await alice.message("This I mean").getByText("Waiting", { exact: true }).waitFor();
  await clean(alice, "what waits and can be taken back");
  await alice.press("I take it back", "Take back");
  await until("the words are in the box", () => alice.composer.inputValue(), "I take it back");
  assert.equal(await alice.message("I take it back").count(), 0);

  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  for (const reader of [alice, edmond]) await reader.sees(["Is anybody here?", "This I mean"], RETURN_MS);
  // By keys: what is sent is not what waits.
  await alice.composer.fill("On record");
  await alice.composer.press("Enter");
  await edmond.sees(["Is anybody here?", "This I mean", "On record"]);
  assert.equal(await alice.log.getByRole("button", { name: "Take back" }).count(), 0);
});

story("words of another book, written before the page was loaded anew, are told of beside the room and go out from there", async (stage) => {
  const { server, alice, edmond } = await cutOff(stage);
  await alice.write("Before the page was loaded anew");
  await alice.page.route(/\/(?:index\.html)?$|\/(?:assets|favicon)/, (route) => route.fulfill({ path: fileOf(route.request().url()) }));
  await alice.page.goto(`${server.origin}/#/book/${shelf.moby.id}`);
  await alice.page.reload();
  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  await alice.arrived(shelf.moby);
  await edmond.sees(["Is anybody here?", "Before the page was loaded anew"], RETURN_MS);
  const beside = alice.page.getByRole("navigation", { name: "Books" });
  await until("nothing waits any more", () => beside.getByText("Words wait to be sent").count(), 0);
  await server.kill();
  await until("the page notices", () => alice.state(), "reconnecting");
  await alice.write("On board, and without a line");
  await alice.turnTo(shelf.dracula);
  await beside.getByText("Words wait to be sent").waitFor();
  await clean(alice, "a room beside another in which words wait");
});

/** The file that a server would send. */
function fileOf(url) {
  const { pathname } = new URL(url);
  return join(builtPage(), pathname === "/" ? "index.html" : pathname);
}

/** Two readers in one room, whose server has just been killed. */
async function cutOff(stage) {
  const server = await stage.server({ store: await stage.store("sqlite") });
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  await alice.write("Is anybody here?");
  await edmond.sees(["Is anybody here?"]);
  await alice.sees(["Is anybody here?"]);
  await server.kill();
  await until("Alice's page notices", () => alice.state(), "reconnecting");
  return { server, alice, edmond };
}
