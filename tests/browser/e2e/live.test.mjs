// What is going on just now: who is writing, whether the connection is there, what time it is.

import assert from "node:assert/strict";
import { clean } from "../harness/axe.mjs";
import { RETURN_MS, shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

story("who is writing is told to the others, and moves nothing", async (stage) => {
  const server = await stage.server();
  const [alice, edmond, mina] = await Promise.all(["Alice", "Edmond", "Mina"].map((name) => stage.reader(server, name)));
  for (const reader of [alice, edmond, mina]) await reader.enter(shelf.alice);
  await mina.write("Who are you?");
  await mina.sees(["Who are you?"]);
  const typing = () => writing(mina);
  const place = async () => [await mina.message("Who are you?").boundingBox(), await mina.composer.boundingBox()];
  const before = await place();

  await alice.composer.pressSequentially("I ha");
  await until("Mina sees Alice write", typing, "Alice is writing…");
  await edmond.composer.pressSequentially("Kno");
  await until("Mina sees both", typing, "Alice and Edmond are writing…");
  assert.deepEqual(await place(), before);
  await until("Alice sees the other alone", () => writing(alice), "Edmond is writing…");
  await edmond.composer.fill("");
  await until("who stops is not told of", typing, "Alice is writing…");
  await alice.composer.press("Enter");
  await until("nor who has sent", typing, "");
  await mina.sees(["Who are you?", "I ha"]);

  // Who changes their mind within a second is not told of each time: they are once they go on writing.
  const goOn = async () => {
    await edmond.composer.press("x");
    return typing();
  };
  await until("Mina sees Edmond write", goOn, "Edmond is writing…");
  await clean(mina, "a room in which one is writing");
});

story("while the connection is away the page says so, and what waits goes out on its return", async (stage) => {
  const server = await stage.server({ store: await stage.store("sqlite") });
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  await alice.write("Is it raining?");
  await edmond.sees(["Is it raining?"]);
  await alice.sees(["Is it raining?"]);
  assert.ok(await alice.banner.isHidden());

  await server.kill();
  await alice.banner.getByText("The connection is lost. What you write now goes out when it is back.").waitFor();
  await alice.write("It is pouring");
  await alice.banner.getByText("The connection is lost. 1 message waits to be sent.").waitFor();
  await alice.write("Bring a boat");
  await alice.press("Is it raining?", "Edit");
  await alice.editor.fill("Is it raining in Wonderland?");
  await alice.editor.press("Enter");
  await alice.banner.getByText("3 messages wait to be sent.").waitFor();
  for (const text of ["Is it raining in Wonderland?", "It is pouring", "Bring a boat"]) {
    await alice.message(text).getByText("Waiting", { exact: true }).waitFor();
  }
  await alice.page.context().setOffline(true);
  await alice.banner.getByText("You are offline. 3 messages wait to be sent.").waitFor();
  await clean(alice, "a page without a connection");

  await alice.page.context().setOffline(false);
  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  const whole = ["Is it raining in Wonderland?", "It is pouring", "Bring a boat"];
  await Promise.all([alice.sees(whole), edmond.sees(whole)]);
  await alice.banner.waitFor({ state: "hidden" });
  assert.equal(await alice.log.getByText("Waiting", { exact: true }).count(), 0);
});

story("what waits to be sent outlives a reload of the page", async (stage) => {
  const server = await stage.server({ store: await stage.store("sqlite") });
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await edmond.enter(shelf.alice);
  // From now on Alice's connections lead nowhere.
  let cut = false;
  const sockets = new Set();
  await alice.page.routeWebSocket(/\/ws$/, (page) => {
    if (cut) return page.close({ code: 1012, reason: "cut" });
    page.connectToServer();
    sockets.add(page);
  });
  await alice.enter(shelf.alice);
  cut = true;
  for (const page of sockets) await page.close({ code: 1012, reason: "cut" });
  await until("Alice's page notices", () => alice.state(), "reconnecting");
  await alice.write("A letter in a bottle");
  await alice.message("A letter in a bottle").getByText("Waiting", { exact: true }).waitFor();

  cut = false;
  await alice.page.reload();
  await alice.arrived(shelf.alice);
  await alice.sees(["A letter in a bottle"]);
  await edmond.sees(["A letter in a bottle"]);
});

story("the times of messages stay current", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await alice.page.clock.install();
  await alice.enter(shelf.alice);
  await alice.write("What o’clock is it?");
  await alice.sees(["What o’clock is it?"]);
  const time = () => alice.message("What o’clock is it?").getByRole("time").innerText();
  assert.equal(await time(), "just now");
  await alice.page.clock.fastForward("05:30");
  await until("minutes pass", time, "5 min ago");
  await alice.page.clock.fastForward("01:00:00");
  await until("after an hour it is the time of day", time, (text) => /^\d+:\d\d/.test(text));
});

story("a screen reader hears new messages of others, and nothing else", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await edmond.enter(shelf.alice);
  await edmond.write("Said before she came");
  await alice.enter(shelf.alice);
  await alice.sees(["Said before she came"]);
  const said = () => alice.page.getByTestId("announcer").innerText();
  assert.equal(await said(), "");
  assert.equal(await alice.log.getAttribute("aria-live"), "off");

  await alice.write("My own words");
  await edmond.sees(["Said before she came", "My own words"]);
  await edmond.write("Hear, hear");
  await until("it is read out", said, "Edmond: Hear, hear");
  for (const n of [1, 2, 3, 4, 5]) await edmond.write(`Quickly ${n}`);
  await until("many at once are counted", said, (text) => /new messages, the last from Edmond$|Quickly 5$/.test(text));
});

const writing = async ({ page }) => (await page.locator(".typing").textContent()).trim();
