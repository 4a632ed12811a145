import assert from "node:assert/strict";
import { RETURN_MS, shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

for (const engine of ["sqlite", "mongod"]) {
  story(`kill -9 and a restart under two open pages lose nothing and double nothing (${engine})`, async (stage) => {
    const { server, alice, edmond, said } = await twoReaders(stage, engine);

    await server.kill();
    await until("both pages notice", async () => [await alice.state(), await edmond.state()], ["reconnecting", "reconnecting"]);
    const away = "Written while nobody was there to hear it";
    await alice.write(away);
    await until("it stands there, waiting", () => alice.log.getByText("Waiting", { exact: true }).count(), 1);
    assert.deepEqual((await edmond.messages()).map(({ content }) => content), said, "it must not have reached anyone");

    await server.restart();
    await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
    const whole = [...said, away];
    const [a, e] = await Promise.all([alice.sees(whole), edmond.sees(whole)]);
    assert.deepEqual(a.map(({ seq }) => seq), whole.map((_, index) => index + 1));
    assert.deepEqual(e.map(({ seq }) => seq), whole.map((_, index) => index + 1));

    await alice.write("Alice is back");
    await edmond.sees([...whole, "Alice is back"]);
    await edmond.write("So is Edmond");
    await alice.sees([...whole, "Alice is back", "So is Edmond"]);

    const newcomer = await stage.reader(server, "Mina");
    await newcomer.enter(shelf.moby);
    await newcomer.sees([...whole, "Alice is back", "So is Edmond"]);
  });

  story(`messages on their way when the server is killed arrive once, in order (${engine})`, async (stage) => {
    const { server, alice, edmond, said } = await twoReaders(stage, engine);

    // Some are answered, some are stored and not yet answered, some have not left.
    const burst = Array.from({ length: 20 }, (_, n) => `Burst ${n + 1}`);
    for (const text of burst.slice(0, 8)) await alice.write(text);
    const dying = server.kill();
    for (const text of burst.slice(8)) await alice.write(text);
    await dying;
    assert.ok((await alice.messages()).some(({ seq }) => seq === null), "some are still on their way");
    await server.restart();

    await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
    const whole = [...said, ...burst];
    const [a, e] = await Promise.all([alice.sees(whole), edmond.sees(whole)]);
    assert.deepEqual(a.map(({ seq }) => seq), whole.map((_, index) => index + 1));
    assert.deepEqual(e.map(({ seq }) => seq), whole.map((_, index) => index + 1));
  });
}

story("a page that is closed while the server is away finds everything later (sqlite)", async (stage) => {
  const { server, alice, edmond, said } = await twoReaders(stage, "sqlite");
  await server.kill();
  await edmond.page.close();
  await server.restart();
  await alice.connected(RETURN_MS);
  await alice.write("Edmond is gone");

  const back = await stage.tabOf(edmond);
  await back.page.goto(`${server.origin}/#/book/${shelf.moby.id}`);
  await back.arrived(shelf.moby);
  await back.sees([...said, "Edmond is gone"]);
});

story("a server that comes back with another log shows that one, and takes what was waiting", async (stage) => {
  const { server, alice, edmond } = await twoReaders(stage, "memory");
  await server.kill();
  await until("Alice's page notices", () => alice.state(), "reconnecting");
  await alice.write("Was there ever anything before this?");
  await server.restart();
  await Promise.all([alice.connected(RETURN_MS), edmond.connected(RETURN_MS)]);
  await Promise.all([alice, edmond].map((reader) => reader.sees(["Was there ever anything before this?"])));
  await edmond.write("Not that I know of");
  await alice.sees(["Was there ever anything before this?", "Not that I know of"]);
});

async function twoReaders(stage, engine) {
  const server = await stage.server({ store: await stage.store(engine) });
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.moby);
  await edmond.enter(shelf.moby);
  await alice.write("Call me Ishmael.");
  await edmond.sees(["Call me Ishmael."]);
  await edmond.write("Some years ago, never mind how long precisely");
  const said = ["Call me Ishmael.", "Some years ago, never mind how long precisely"];
  await alice.sees(said);
  return { server, alice, edmond, said };
}
