// Own messages on their way: named, taken back, tried again, and known to wait.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatClient, ChatError, messageKey } from "readrealm-chat";
import { MemoryStorage, Server, tapSockets, until } from "./support.mjs";

let server;
let nextBook = 1;
const clients = [];
const tap = tapSockets();

before(async () => (server = await Server.start()));
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  tap.onSend = () => {};
  tap.frames.length = 0;
});
after(() => server.stop());

async function connect(userId, options = {}) {
  const client = await ChatClient.connect(server.url, { userId, username: userId, ...options });
  clients.push(client);
  return client;
}

async function away(client) {
  await server.kill();
  await until(() => client.state.status === "reconnecting");
}

const shown = (room) => room.messages.map(({ content, status }) => [content, status]);

test("a message that the page names is stored once, however often it is sent", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const named = { clientMessageId: "draft-1" };
  const [first, second] = await Promise.all([room.send("hello", named), room.send("hello", named)]);
  assert.equal(first, second);
  assert.equal(tap.sent("message").length, 1);
  assert.equal((await room.send("hello", named)).id, first.id, "known here to be on record");
  assert.equal(tap.sent("message").length, 1);
  const elsewhere = await (await connect("alice")).joinRoom(room.bookId + 1_000);
  await elsewhere.send("another room", named);
  assert.deepEqual(shown(room), [["hello", "sent"]]);
});

test("a message that was given up under way is the same one when it is sent again", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const given = new AbortController();
  tap.onSend = ({ event }, socket) => {
    if (event !== "message") return;
    // The server has it, and the page will not know for now.
    socket.deaf = true;
    queueMicrotask(() => given.abort());
  };
  const named = { clientMessageId: "draft-2" };
  await assert.rejects(room.send("perhaps", { ...named, signal: given.signal }), { name: "AbortError" });
  tap.onSend = () => {};
  const again = room.send("perhaps", named);
  await server.kill();
  await server.run();
  await again;
  assert.deepEqual(shown(room), [["perhaps", "sent"]]);
});

test("who shares a named message hears when the other gives it up", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  await away(client);
  const given = new AbortController();
  const named = { clientMessageId: "draft-4" };
  const first = assert.rejects(room.send("shared", { ...named, signal: given.signal }), { name: "AbortError" });
  const second = assert.rejects(room.send("shared", named), { code: "withdrawn", clientMessageId: "draft-4" });
  given.abort();
  await Promise.all([first, second]);
  assert.deepEqual(room.messages, []);
  await server.run();
});

test("the same name for other words is refused, here and by the server", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const named = { clientMessageId: "draft-3" };
  const first = room.send("one", named);
  const conflict = { name: "ChatError", code: "idempotency_conflict", clientMessageId: "draft-3" };
  await assert.rejects(room.send("two", named), conflict);
  await first;
  const other = await (await connect("alice")).joinRoom(room.bookId);
  for (let i = 0; i < 60; i++) await other.send(`${i}`);
  const late = await (await connect("alice")).joinRoom(room.bookId);
  await assert.rejects(late.send("two", named), conflict);
  const failed = late.messages.find(({ status }) => status === "failed");
  assert.equal(failed.id, "draft-3");
  await assert.rejects(late.send("x", { clientMessageId: "no name" }), { code: "invalid_data" });
});

test("what waits can be taken back, and never goes out", async () => {
  const outbox = new MemoryStorage();
  const client = await connect("alice", { outbox });
  const room = await client.joinRoom(nextBook++);
  await away(client);
  const sends = [room.send("one"), room.send("two")];
  const [two] = room.messages;
  await assert.rejects(room.edit(two.id, "other words"), { code: "invalid_data" });
  const withdrawn = assert.rejects(sends[1], { code: "withdrawn", clientMessageId: two.id });
  await room.delete(two.id);
  await withdrawn;
  assert.deepEqual(shown(room), [["one", "sending"]]);
  assert.equal(outbox.length, 1);
  await server.run();
  await sends[0];
  assert.deepEqual(shown(room), [["one", "sent"]]);
});

test("a client knows which rooms have something that waits, those of an earlier page included", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  await away(first);
  const told = [];
  first.onWaiting(() => told.push(first.waiting));
  const sending = room.send("kept").catch(({ code }) => code);
  assert.deepEqual(told, [[bookId]]);
  first.close();
  assert.equal(await sending, "closed");
  await server.run();
  const second = await connect("alice", { outbox });
  assert.deepEqual(second.waiting, [bookId]);
  await second.joinRoom(bookId);
  await until(() => second.waiting.length === 0);
  assert.equal(outbox.length, 0);
});

test("a change of an earlier page that is refused is told", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  const { id } = await room.send("mine");
  const gone = await (await connect("alice")).joinRoom(bookId);
  await away(first);
  const editing = room.edit(id, "my long new words").catch(({ code }) => code);
  first.close();
  assert.equal(await editing, "closed");
  await server.run();
  await gone.delete(id);
  const second = await connect("alice", { outbox });
  const again = await second.joinRoom(bookId);
  const refused = await new Promise((resolve) => again.subscribe((event) => event.type === "refused" && resolve(event)));
  assert.ok(refused.error instanceof ChatError);
  assert.equal(refused.error.code, "message_not_found");
  assert.equal(refused.error.clientMessageId, refused.clientMessageId);
  assert.deepEqual([refused.messageId, refused.content], [id, "my long new words"]);
  assert.equal(outbox.length, 0);
});

test("without locks, what the page that wrote it has taken back is not sent by another", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  await away(first);
  const sending = room.send("regretted").catch(({ code }) => code);
  await server.run();
  // It knows what waits, and has not joined its room yet.
  const second = await connect("alice", { outbox });
  assert.deepEqual(second.waiting, [bookId]);
  await room.delete(room.messages[0].id);
  await sending;
  const again = await second.joinRoom(bookId);
  await again.send("next");
  assert.ok(again.messages.every(({ content }) => content !== "regretted") || (await sending) === "withdrawn");
  assert.deepEqual(second.waiting, []);
});

test("who is writing is told when it changes, again after three seconds, and never more than twice a second", async (t) => {
  // From before the client is made until it is closed: a timer is ended by whom it was begun with.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const told = () => tap.sent("typing").map(({ data }) => data.typing);
  let now = 1_000_000;
  t.mock.method(performance, "now", () => now);
  const pass = (ms) => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  room.setTyping(true);
  room.setTyping(true);
  assert.deepEqual(told(), [true]);
  pass(100);
  room.setTyping(false);
  room.setTyping(true);
  room.setTyping(false);
  assert.deepEqual(told(), [true], "too soon");
  pass(400);
  assert.deepEqual(told(), [true, false], "the last word counts");
  pass(5_000);
  room.setTyping(true);
  pass(2_900);
  room.setTyping(true);
  assert.deepEqual(told(), [true, false, true]);
  pass(100);
  room.setTyping(true);
  assert.deepEqual(told(), [true, false, true, true]);
  pass(4_000);
  room.setTyping(false);
  assert.deepEqual(told(), [true, false, true, true, false], "told however long ago it began");
  client.close();
});

test("a message's key in a list is its own, whatever others call theirs", async () => {
  const alice = await (await connect("alice")).joinRoom(nextBook++);
  const mallory = await (await connect("mallory")).joinRoom(alice.bookId);
  const sending = alice.send("hers");
  const before = messageKey(alice.messages[0]);
  const { clientMessageId } = await sending;
  assert.equal(messageKey(alice.messages[0]), before);
  await mallory.send("not hers", { clientMessageId });
  await until(() => alice.messages.length === 2);
  assert.equal(new Set(alice.messages.map(messageKey)).size, 2);
  assert.equal(messageKey({ id: "1-1", userId: "x", clientMessageId: undefined }), "1-1");
});
