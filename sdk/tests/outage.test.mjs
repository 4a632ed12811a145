// Servers that die, and what a page sees of it: nothing lost, nothing twice, everything in one order.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { Server, until } from "./support.mjs";

const BOOK = 28520;
let server;
const clients = [];

before(async () => (server = await Server.start()));
after(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

async function join(userId, bookId) {
  const client = await ChatClient.connect(server.url, { userId, username: userId });
  clients.push(client);
  const room = await client.joinRoom(bookId);
  const heard = [];
  room.subscribe((event) => heard.push(event));
  return { client, room, heard };
}

test("what is sent while the server is away is stored once, in order, and missed messages are told", async () => {
  const [alice, bob] = await Promise.all([join("alice", BOOK), join("bob", BOOK)]);
  await alice.room.send("before");
  await until(() => bob.heard.length >= 1);
  await server.kill();
  await until(() => alice.client.state.status === "reconnecting" && bob.client.state.status === "reconnecting");
  const sends = ["one", "two", "three"].map((content) => alice.room.send(content));
  assert.deepEqual(
    alice.room.messages.map(({ content, status }) => [content, status]),
    [
      ["three", "sending"],
      ["two", "sending"],
      ["one", "sending"],
      ["before", "sent"],
    ],
  );
  await server.run();
  const sent = await Promise.all(sends);
  assert.deepEqual(sent.map(({ seq }) => seq), [2, 3, 4]);
  await until(() => bob.room.messages.length === 4);
  const told = bob.heard.filter(({ type }) => type === "message").map(({ message }) => message.content);
  assert.deepEqual(told, ["before", "one", "two", "three"]);
  assert.ok(!bob.heard.some(({ type }) => type === "reset"));
});

test("ten kills under traffic from three clients: identical streams, every send once", { timeout: 120_000 }, async () => {
  const book = BOOK + 1;
  const people = await Promise.all(["a", "b", "c"].map((name) => join(name, book)));
  const sends = [];
  let running = true;
  const talk = people.map(async ({ room, client }) => {
    for (let i = 1; running; i++) {
      const content = `${client.user.userId}${i}`;
      sends.push(room.send(content).then((message) => [content, message]));
      await new Promise((resolve) => setTimeout(resolve, 15 + Math.random() * 30));
    }
  });
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 300));
    await server.kill();
    await server.run();
  }
  running = false;
  await Promise.all(talk);
  const sent = new Map(await Promise.all(sends));
  assert.equal(new Set([...sent.values()].map(({ seq }) => seq)).size, sends.length, "each has a place of its own");
  for (const { room, heard } of people) {
    await until(() => heard.filter(({ type }) => type === "message").length >= sends.length, 30_000);
    const seqs = heard.filter(({ type }) => type === "message").map(({ message }) => message.seq);
    assert.deepEqual(seqs, Array.from({ length: sends.length }, (_, index) => index + 1));
    assert.ok(!heard.some(({ type }) => type === "reset"));
    assert.ok(room.messages.every(({ status }) => status === "sent"));
    assert.deepEqual(room.messages, people[0].room.messages);
  }
  // Those of one client stand in the order they were sent.
  for (const name of ["a", "b", "c"]) {
    const own = [...sent].filter(([content]) => content.startsWith(name)).map(([, { seq }]) => seq);
    assert.deepEqual(own, own.toSorted((a, b) => a - b));
  }
});

test("a room that was left and entered again shows what is still on its way", async () => {
  const { client, room } = await join("frank", BOOK + 4);
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const send = room.send("on its way");
  room.leave();
  const entering = client.joinRoom(BOOK + 4);
  await server.run();
  const again = await entering;
  // Answered or not by now, it is there.
  assert.equal(again.messages[0].content, "on its way");
  await send;
  assert.deepEqual(again.messages.map(({ content, status }) => [content, status]), [["on its way", "sent"]]);
});

test("what waits is bounded, and refused when it is too much", async () => {
  const { client, room } = await join("erin", BOOK + 3);
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const sends = Array.from({ length: 1_001 }, (_, index) => room.send(`${index}`));
  await assert.rejects(sends.pop(), { code: "outbox_full" });
  client.close();
  for (const result of await Promise.allSettled(sends)) assert.equal(result.reason.code, "closed");
  await server.run();
});

test("a draining server names the time to come back", async () => {
  const { client, room } = await join("dora", BOOK + 2);
  const states = [];
  client.onState((state) => states.push(state));
  await server.kill("SIGTERM");
  await until(() => states.length > 0);
  assert.equal(states[0].status, "reconnecting");
  await server.run();
  await room.send("back");
  assert.equal(client.state.status, "connected");
});
