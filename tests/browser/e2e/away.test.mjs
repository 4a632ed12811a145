// What a reader does while the server is away must not cost the words already written.

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
