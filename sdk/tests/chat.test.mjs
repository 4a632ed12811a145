// The package in Node against the real server: what its README promises, kill -9 included.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatClient, ChatError } from "readrealm-chat";
import { Server, until } from "./support.mjs";

let server;
let nextBook = 1;
const clients = [];

before(async () => (server = await Server.start()));
after(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

async function connect(userId, options = {}) {
  const client = await ChatClient.connect(server.url, { userId, username: userId, ...options });
  clients.push(client);
  return client;
}

/** A room of its own for each test, and who is in it. */
async function room(...users) {
  const bookId = nextBook++;
  return Promise.all(users.map(async (userId) => (await connect(userId)).joinRoom(bookId)));
}

function record(room) {
  const events = [];
  room.subscribe((event) => events.push(event));
  return events;
}

const contents = (room) => room.messages.map(({ content }) => content);

test("a message is shown at once, becomes durable, and is heard once by everybody", async () => {
  const [alice, bob] = await room("alice", "bob");
  const [mine, theirs] = [record(alice), record(bob)];
  const sent = alice.send("  The Cheshire Cat scene is my favourite!\n");
  assert.deepEqual(
    alice.messages.map(({ content, status, seq }) => [content, status, seq]),
    [["The Cheshire Cat scene is my favourite!", "sending", 0]],
  );
  const message = await sent;
  assert.equal(message.status, "sent");
  assert.equal(message.id, `${alice.bookId}-1`);
  await until(() => theirs.length === 1);
  assert.deepEqual(bob.messages, [message]);
  assert.deepEqual(alice.messages, [message]);
  assert.deepEqual(theirs, [{ type: "message", message }]);
  await alice.send("again");
  assert.deepEqual(mine.map(({ type }) => type).filter((type) => type === "message"), ["message", "message"]);
});

test("the array of messages is the same one until something changes", async () => {
  const [alice] = await room("alice");
  await alice.send("one");
  const { messages } = alice;
  assert.equal(alice.messages, messages);
  await alice.send("two");
  assert.notEqual(alice.messages, messages);
  assert.deepEqual(contents(alice), ["two", "one"]);
});

test("words can be changed and withdrawn", async () => {
  const [alice, bob] = await room("alice", "bob");
  const events = record(bob);
  const { id } = await alice.send("curiouser");
  await alice.edit(id, "curiouser and curiouser!");
  await until(() => contents(bob)[0] === "curiouser and curiouser!");
  await alice.delete(id);
  await until(() => bob.messages.length === 0);
  assert.deepEqual(events.map(({ type }) => type), ["message", "edited", "deleted"]);
  assert.deepEqual(events[2], { type: "deleted", messageId: id });
  await assert.rejects(bob.edit(id, "mine now"), { code: "message_not_found" });
});

test("what the server refuses is rejected, shown as failed, and can be taken away", async () => {
  const [alice, bob] = await room("alice", "bob");
  const { id } = await alice.send("hers");
  await assert.rejects(bob.delete(id), (error) => error instanceof ChatError && error.code === "forbidden");
  await assert.rejects(alice.send("   "), { code: "invalid_data", name: "ChatError" });
  await assert.rejects(alice.send("x".repeat(4001)), { code: "invalid_data" });
  assert.equal(alice.messages.length, 1);
  assert.equal((await alice.send("😀".repeat(4000))).content.length, 8000);
});

test("older messages come in pages", async () => {
  const [alice] = await room("alice");
  for (let i = 1; i <= 120; i++) await alice.send(`message ${i}`);
  const bob = await (await connect("bob")).joinRoom(alice.bookId);
  assert.equal(bob.messages.length, 50);
  assert.equal(bob.messages[0].content, "message 120");
  assert.equal(bob.hasMore, true);
  const [first, same] = await Promise.all([bob.loadPrevious(), bob.loadPrevious()]);
  assert.equal(first, same);
  assert.deepEqual(first, { hasMore: true });
  assert.equal(bob.messages.length, 100);
  assert.deepEqual(await bob.loadPrevious(100), { hasMore: false });
  assert.deepEqual(contents(bob), contents(alice));
  assert.deepEqual(await bob.loadPrevious(), { hasMore: false });
});

test("who is here, who comes and goes, and who is writing", async () => {
  const [alice] = await room("alice");
  const events = record(alice);
  const bob = await (await connect("bob")).joinRoom(alice.bookId);
  await until(() => alice.members.count === 2);
  assert.deepEqual(bob.members.users.map(({ userId }) => userId).sort(), ["alice", "bob"]);
  bob.setTyping(true);
  bob.setTyping(true);
  await until(() => events.some(({ type }) => type === "typing"));
  bob.setTyping(false);
  await until(() => events.filter(({ type }) => type === "typing").length === 2);
  bob.leave();
  await until(() => alice.members.count === 1);
  const user = { userId: "bob", username: "bob" };
  assert.deepEqual(events, [
    { type: "joined", user },
    { type: "typing", user, typing: true },
    { type: "typing", user, typing: false },
    { type: "left", user },
  ]);
});

test("a joined room is the same room; one that was left is over", async () => {
  const client = await connect("alice");
  const bookId = nextBook++;
  const [first, second] = await Promise.all([client.joinRoom(bookId), client.joinRoom(bookId)]);
  assert.equal(first, second);
  await first.send("still here");
  const events = record(first);
  first.leave();
  first.leave();
  assert.deepEqual(events, [{ type: "closed", error: undefined }]);
  assert.deepEqual(contents(first), ["still here"]);
  await assert.rejects(first.send("late"), { code: "left" });
  const again = await client.joinRoom(bookId);
  assert.notEqual(again, first);
  assert.deepEqual(contents(again), ["still here"]);
});

test("a room that is over still says whether there was more, though nobody had asked", async () => {
  const [alice] = await room("alice");
  await Promise.all(Array.from({ length: 51 }, (_, n) => alice.send(`${n}`)));
  const bob = await (await connect("bob")).joinRoom(alice.bookId);
  bob.leave();
  assert.equal(bob.hasMore, true);
  assert.equal(bob.messages.length, 50);
});

test("a send before leaving is stored", async () => {
  const [alice, bob] = await room("alice", "bob");
  const sends = [alice.send("one"), alice.send("two"), alice.send("bye")];
  alice.leave();
  await Promise.all(sends);
  await until(() => bob.messages.length === 3);
  assert.deepEqual(contents(bob), ["bye", "two", "one"]);
});

test("a loop over a room hears the new messages and ends with it", async () => {
  const [alice, bob] = await room("alice", "bob");
  await alice.send("before");
  await until(() => bob.messages.length === 1);
  const heard = [];
  const loop = (async () => {
    for await (const message of bob) heard.push(message.content);
  })();
  await alice.send("one");
  await alice.send("two");
  await until(() => heard.length === 2);
  bob.leave();
  await loop;
  assert.deepEqual(heard, ["one", "two"]);
});

test("a loop that waits in a quiet room ends when it is told to, and hears nothing more", async () => {
  const [alice] = await room("alice");
  const messages = alice[Symbol.asyncIterator]();
  const [first, second, third] = [messages.next(), messages.next(), messages.next()];
  await alice.send("one");
  assert.equal((await first).value.content, "one");
  const over = { value: undefined, done: true };
  assert.deepEqual(await messages.return(), over);
  assert.deepEqual(await Promise.all([second, third]), [over, over]);
  await alice.send("two");
  assert.deepEqual(await messages.next(), over);
});

test("a listener that throws keeps nobody else from hearing", async () => {
  const [alice] = await room("alice");
  const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  const stop = alice.subscribe(() => {
    stop();
    throw new Error("mine");
  });
  const events = record(alice);
  await alice.send("hello");
  assert.equal((await uncaught).message, "mine");
  process.setUncaughtExceptionCaptureCallback(null);
  assert.equal(events.length, 1);
});

test("a call from within an event is an ordinary call", async () => {
  const [alice, bob] = await room("alice", "bob");
  const replies = [];
  bob.subscribe((event) => {
    if (event.type === "message" && event.message.content === "ping") {
      replies.push(bob.send("pong"));
      assert.equal(bob.messages.length, 2);
      bob.leave();
    }
  });
  await alice.send("ping");
  await until(() => alice.messages.length === 2);
  await Promise.all(replies);
});

test("closing ends everything, and what was shown stays", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  await room.send("hello");
  const states = [];
  client.onState((state) => states.push(state));
  const events = record(room);
  const late = room.send("too late");
  client.close();
  await assert.rejects(late, { code: "closed" });
  assert.deepEqual(states, [{ status: "closed", reason: "closed" }]);
  assert.deepEqual(events, [{ type: "closed", error: undefined }]);
  assert.deepEqual(room.messages.map(({ content, status }) => [content, status]), [
    ["too late", "failed"],
    ["hello", "sent"],
  ]);
  await assert.rejects(client.joinRoom(1), { code: "closed" });
  await assert.rejects(room.loadPrevious(), { code: "closed" });
  client.close();
});

test("connecting can be refused, given up and tried for long", async () => {
  await assert.rejects(ChatClient.connect(server.url, { userId: "" }), { code: "invalid_data" });
  await assert.rejects(ChatClient.connect("http//nowhere", { userId: "a" }), { code: "invalid_url" });
  await assert.rejects(ChatClient.connect(server.url, { getToken: () => "a.b.c" }), { code: "unsupported" });
  const states = [];
  const abort = new AbortController();
  const connecting = ChatClient.connect("ws://127.0.0.1:9/ws", {
    userId: "alice",
    signal: abort.signal,
    onState: (state) => states.push(state),
  });
  await until(() => states.some(({ status }) => status === "reconnecting"));
  abort.abort();
  await assert.rejects(connecting, { name: "AbortError" });
  assert.deepEqual(states[0], { status: "connecting" });
  assert.deepEqual(states.at(-1), { status: "closed", reason: "closed" });
  // Connected is connected: the signal has no say any more.
  const late = new AbortController();
  const client = await ChatClient.connect(server.url, { userId: "alice", signal: late.signal });
  late.abort();
  await (await client.joinRoom(nextBook++)).send("still here");
  client.close();
});
