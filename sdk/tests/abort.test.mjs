// Giving up: what is not sent never is, what is under way is not repeated, and nobody else is disturbed.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { MemoryStorage, Server, tapSockets, until } from "./support.mjs";

const ABORTED = { name: "AbortError" };
let server;
let nextBook = 1;
const clients = [];
const tap = tapSockets();

before(async () => (server = await Server.start()));
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  tap.onSend = () => {};
});
after(() => server.stop());

async function connect(userId, options = {}) {
  const client = await ChatClient.connect(server.url, { userId, ...options });
  clients.push(client);
  return client;
}

const contents = (room) => room.messages.map(({ content }) => content);

test("a send given up before it went out never does", async () => {
  const outbox = new MemoryStorage();
  const client = await connect("alice", { outbox });
  const room = await client.joinRoom(nextBook++);
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const { signal, abort } = controller();
  const sends = [room.send("one"), room.send("two", { signal }), room.send("three")];
  assert.deepEqual(contents(room), ["three", "two", "one"]);
  abort();
  assert.deepEqual(contents(room), ["three", "one"]);
  assert.equal(outbox.length, 2);
  await assert.rejects(sends[1], ABORTED);
  await server.run();
  await Promise.all([sends[0], sends[2]]);
  assert.deepEqual(contents(room), ["three", "one"]);
});

test("a send given up under way rejects, may still appear, and is not repeated", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const { signal, abort } = controller();
  // Given up as it goes out: the server has it, and the page does not know.
  tap.onSend = ({ event }) => event === "message" && queueMicrotask(abort);
  const heard = [];
  room.subscribe((event) => heard.push(event.type));
  await assert.rejects(room.send("perhaps", { signal }), ABORTED);
  tap.onSend = () => {};
  await until(() => room.messages.length === 1 && room.messages[0].status === "sent");
  assert.deepEqual(heard, ["message"]);
  await room.send("next");
  assert.deepEqual(contents(room), ["next", "perhaps"]);
  assert.equal(tap.sent("message").filter(({ data }) => data.content === "perhaps").length, 1);
});

test("edits and deletes are given up as sends are; a signal that has gone off begins nothing", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const { id } = await room.send("mine");
  const over = AbortSignal.abort("enough");
  const calls = [
    () => room.send("no", { signal: over }),
    () => room.edit(id, "no", { signal: over }),
    () => room.delete(id, { signal: over }),
    () => room.loadPrevious(10, { signal: over }),
    () => client.joinRoom(nextBook, { signal: over }),
  ];
  for (const call of calls) await assert.rejects(call, (reason) => reason === "enough");
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const { signal, abort } = controller();
  const changes = [room.edit(id, "other", { signal }), room.delete(id, { signal })];
  abort();
  for (const change of changes) await assert.rejects(change, ABORTED);
  await server.run();
  await room.send("after");
  assert.deepEqual(contents(room), ["after", "mine"]);
});

test("a join given up by all who wait for it is none; one who waits keeps it", async () => {
  const client = await connect("alice");
  const [first, second] = [nextBook++, nextBook++];
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const { signal, abort } = controller();
  const given = [client.joinRoom(first, { signal }), client.joinRoom(first, { signal }), client.joinRoom(second, { signal })];
  const kept = client.joinRoom(second);
  abort();
  for (const join of given) await assert.rejects(join, ABORTED);
  tap.frames.length = 0;
  await server.run();
  const room = await kept;
  await room.send("here");
  assert.deepEqual(tap.sent("joinRoom").map(({ data }) => data.bookId), [second]);
  // Joined is joined: the signal has no say any more.
  const late = controller();
  assert.equal(await client.joinRoom(second, { signal: late.signal }), room);
  late.abort();
  await room.send("still here");
});

test("a page given up is added all the same", async () => {
  const alice = await (await connect("alice")).joinRoom(nextBook++);
  for (let i = 1; i <= 60; i++) await alice.send(`${i}`);
  const bob = await (await connect("bob")).joinRoom(alice.bookId);
  const { signal, abort } = controller();
  const [given, kept] = [bob.loadPrevious(50, { signal }), bob.loadPrevious()];
  abort();
  await assert.rejects(given, ABORTED);
  assert.deepEqual(await kept, { hasMore: false });
  assert.equal(bob.messages.length, 60);
});

function controller() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
