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
  const third = room.send("hello", named);
  assert.deepEqual(shown(room), [["hello", "sent"]], "never twice in the list");
  assert.equal((await third).id, first.id, "the server knows it");
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

test("a named message goes on for who shares it, until the last gives it up", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  await away(client);
  const [one, two] = [new AbortController(), new AbortController()];
  const send = (controller) => room.send("shared", { clientMessageId: "draft-4", signal: controller?.signal });
  const first = assert.rejects(send(one), { name: "AbortError" });
  const second = send();
  one.abort();
  await first;
  assert.deepEqual(shown(room), [["shared", "sending"]]);
  await server.run();
  await second;
  await away(client);
  const again = (controller) => room.send("again", { clientMessageId: "draft-5", signal: controller.signal });
  const both = [one, two].map(() => new AbortController());
  const given = both.map((controller) => assert.rejects(again(controller), { name: "AbortError" }));
  for (const controller of both) controller.abort();
  await Promise.all(given);
  assert.deepEqual(shown(room), [["shared", "sent"]]);
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
  await assert.rejects(room.send("two", named), conflict, "its own is in sight");
  await room.delete("draft-3");
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

test("what is taken back when it has gone out is withdrawn as soon as it is on record", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const other = await (await connect("bob")).joinRoom(room.bookId);
  const heard = [];
  other.subscribe(({ type }) => heard.push(type));
  const rejected = assert.rejects(room.send("regretted"), { code: "withdrawn" });
  await Promise.all([rejected, room.delete(room.messages[0].id)]);
  await until(() => heard.includes("deleted"));
  assert.deepEqual(heard, ["message", "deleted"]);
  assert.deepEqual([room.messages, other.messages, client.waiting], [[], [], []]);

  const refused = room.send("x".repeat(4_001)).catch(({ code }) => code);
  assert.equal(await refused, "invalid_data");
  await away(client);
  const sending = assert.rejects(room.send("never"), { code: "withdrawn" });
  await Promise.all([sending, room.delete(room.messages[0].id)]);
  await server.run();
  await room.send("after");
  assert.deepEqual(shown(room), [["after", "sent"]]);
});

test("a copy can be taken off the list of a room that is over, and nothing else goes", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  await room.send("one");
  await away(client);
  const sending = room.send("two").catch(({ code }) => code);
  const [{ id }] = room.messages;
  room.leave();
  assert.deepEqual(shown(room), [["two", "sending"], ["one", "sent"]]);
  await room.delete(id);
  assert.equal(await sending, "withdrawn");
  assert.deepEqual(shown(room), [["one", "sent"]]);
  await server.run();
});

test("who joins again as the room closes is in", async () => {
  const client = await connect("alice");
  const room = await client.joinRoom(nextBook++);
  const again = new Promise((resolve) => {
    room.subscribe((event) => event.type === "closed" && resolve(client.joinRoom(room.bookId)));
  });
  room.leave();
  await (await again).send("still here");
  assert.deepEqual(shown(await again), [["still here", "sent"]]);
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
  assert.equal(second.waiting, second.waiting, "the same array until it changes");
  await second.joinRoom(bookId);
  await until(() => second.waiting.length === 0);
  assert.equal(outbox.length, 0);
});

test("the same name in two rooms, left by two pages, is two messages", async () => {
  const [outbox, books] = [new MemoryStorage(), [nextBook++, nextBook++]];
  const pages = await Promise.all(books.map(() => connect("alice", { outbox })));
  const rooms = await Promise.all(pages.map((page, index) => page.joinRoom(books[index])));
  await server.kill();
  await Promise.all(pages.map((page) => until(() => page.state.status === "reconnecting")));
  const sends = rooms.map((room) => room.send(`in ${room.bookId}`, { clientMessageId: "both" }).catch(({ code }) => code));
  for (const page of pages) page.close();
  assert.deepEqual(await Promise.all(sends), ["closed", "closed"]);
  assert.equal(outbox.length, 2);
  await server.run();
  for (let page = 0; page < 2 && outbox.length > 0; page += 1) {
    const next = await connect("alice", { outbox });
    for (const bookId of books) await next.joinRoom(bookId);
    await until(() => next.waiting.length === 0);
    next.close();
  }
  const reader = await connect("bob");
  for (const bookId of books) assert.deepEqual(shown(await reader.joinRoom(bookId)), [[`in ${bookId}`, "sent"]]);
  assert.equal(outbox.length, 0);
});

test("a refusal that nobody hears is written to the console, words and all", async (t) => {
  const warned = t.mock.method(console, "warn", () => {});
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  const { id } = await room.send("mine");
  await away(first);
  const editing = room.edit(id, "my long new words").catch(({ code }) => code);
  first.close();
  await editing;
  await server.run();
  await (await (await connect("alice")).joinRoom(bookId)).delete(id);
  const second = await connect("alice", { outbox });
  await second.joinRoom(bookId);
  await until(() => second.waiting.length === 0);
  assert.match(JSON.stringify(warned.mock.calls.at(-1).arguments), /was refused.*my long new words/);
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
