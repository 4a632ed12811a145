// The outbox that outlives its page. A page that is gone is a client that was closed here: what is written down is the same.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { MemoryStorage, Server, tapSockets, until } from "./support.mjs";

let server;
let nextBook = 1;
const clients = [];
const warnings = [];
const tap = tapSockets();
console.warn = (...args) => warnings.push(args.map(String).join(" "));

before(async () => (server = await Server.start()));
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  tap.onSend = () => {};
  delete globalThis.navigator;
  assert.deepEqual(warnings.splice(0), []);
});
after(() => server.stop());

async function connect(userId, options = {}) {
  const client = await ChatClient.connect(server.url, { userId, username: userId, ...options });
  clients.push(client);
  return client;
}

/** Closed under its feet: its sends reject, and that is no matter here. */
function gone(client, ...sends) {
  client.close();
  return Promise.allSettled(sends);
}

const shown = (room) => room.messages.map(({ content, status }) => [content, status]);

/** The words of a room as it is on record, oldest first. */
async function onRecord(bookId) {
  const client = await connect("reader");
  const room = await client.joinRoom(bookId);
  return room.messages.map(({ content }) => content).reverse();
}

/** Notes every list of messages that a page could have shown. */
function watch(room) {
  const seen = [];
  room.onChange(() => seen.push(room.messages));
  return seen;
}

test("what was sent while the connection was away is sent by the next page, once and in order", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  const { id } = await room.send("before");
  assert.equal(outbox.length, 0);
  await server.kill();
  await until(() => first.state.status === "reconnecting");
  const sends = [room.send("one"), room.edit(id, "changed"), room.send("two"), room.send("three")];
  assert.equal(outbox.length, 4);
  await gone(first, ...sends);
  assert.equal(outbox.length, 4, "written down for the next page");
  assert.deepEqual(shown(room)[0], ["three", "sending"], "not failed: it is sent yet");

  await server.run();
  const second = await connect("alice", { outbox });
  const again = await second.joinRoom(bookId);
  assert.deepEqual(shown(again), [
    ["three", "sending"],
    ["two", "sending"],
    ["one", "sending"],
    ["before", "sent"],
  ]);
  const late = again.send("four");
  await until(() => outbox.length === 0, 30_000);
  await late;
  assert.ok(again.messages.every(({ status }) => status === "sent"));
  assert.deepEqual(await onRecord(bookId), ["changed", "one", "two", "three", "four"]);
});

test("what was durable, and not answered, is there once and never shown twice", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  const other = await (await connect("bob")).joinRoom(bookId);
  tap.onSend = ({ event }, socket) => event === "message" && (socket.deaf = true);
  const send = room.send("only once");
  await until(() => other.messages.length === 1);
  await gone(first, send);
  assert.equal(outbox.length, 1);
  const second = await connect("alice", { outbox });
  const again = await second.joinRoom(bookId);
  const seen = [again.messages, ...watch(again)];
  await until(() => outbox.length === 0);
  for (const messages of seen) assert.equal(messages.length, 1, JSON.stringify(messages));
  assert.deepEqual(await onRecord(bookId), ["only once"]);
});

test("it is written down before it goes out, and taken away with its outcome", async () => {
  const outbox = new MemoryStorage();
  const alice = await (await connect("alice", { outbox })).joinRoom(nextBook++);
  let written;
  tap.onSend = ({ event, data }) => {
    if (event === "message") written = [...outbox.items.values()].some((text) => text.includes(data.clientMessageId));
  };
  const { id } = await alice.send("first");
  assert.equal(written, true);
  await alice.edit(id, "second");
  await alice.delete(id);
  await assert.rejects(alice.edit(id, "third"), { code: "message_not_found" });
  await assert.rejects(alice.send("  "), { code: "invalid_data" });
  assert.equal(outbox.length, 0);
});

test("another user's words, and those for another server, stay where they are", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const alice = await connect("alice", { outbox });
  const room = await alice.joinRoom(bookId);
  await server.kill();
  await until(() => alice.state.status === "reconnecting");
  await gone(alice, room.send("of alice"));
  await server.run();
  const bob = await connect("bob", { outbox });
  const theirs = await bob.joinRoom(bookId);
  await theirs.send("of bob");
  const elsewhere = await ChatClient.connect(`${server.url}?other`, { userId: "alice", outbox });
  clients.push(elsewhere);
  await (await elsewhere.joinRoom(bookId)).send("elsewhere");
  assert.deepEqual(await onRecord(bookId), ["of bob", "elsewhere"]);
  assert.equal(outbox.length, 1);
});

/** Locks as a browser has them, of all pages together. */
class Locks {
  held = new Map();
  async request(name, { signal }, act) {
    while (this.held.has(name)) {
      await Promise.race([this.held.get(name), new Promise((_, reject) => signal.addEventListener("abort", reject))]);
    }
    const held = (async () => act())();
    this.held.set(name, held);
    await held;
    this.held.delete(name);
  }
}

test("a page leaves alone what another one that lives is sending, and takes it over when that is gone", async () => {
  Object.defineProperty(globalThis, "navigator", { value: { locks: new Locks() }, configurable: true });
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  tap.onSend = ({ event }, socket) => event === "message" && (socket.deaf = true);
  const sends = [room.send("one"), room.send("two")];
  const again = await (await connect("alice", { outbox })).joinRoom(bookId);
  await until(() => again.messages.length === 1);
  assert.deepEqual(shown(again), [["one", "sent"]], "the second is the other page's");
  assert.equal(outbox.length, 2);
  tap.onSend = () => {};
  await gone(first, ...sends);
  await until(() => outbox.length === 0);
  await until(() => again.messages.length === 2);
  assert.deepEqual(await onRecord(bookId), ["one", "two"]);
});

test("without locks two pages send the same, and it is stored once", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const first = await connect("alice", { outbox });
  const room = await first.joinRoom(bookId);
  await server.kill();
  await until(() => first.state.status === "reconnecting");
  const sends = [room.send("one"), room.send("two")];
  await server.run();
  const again = await (await connect("alice", { outbox })).joinRoom(bookId);
  await Promise.all(sends);
  await until(() => outbox.length === 0 && again.messages.every(({ status }) => status === "sent"));
  assert.deepEqual(await onRecord(bookId), ["one", "two"]);
});

test("storage that is broken, full or refused loses no send of this page", async () => {
  const outbox = new MemoryStorage();
  const seed = await connect("alice", { outbox });
  const bookId = nextBook++;
  const room = await seed.joinRoom(bookId);
  await server.kill();
  await until(() => seed.state.status === "reconnecting");
  await gone(seed, room.send("kept"));
  await server.run();
  const [name] = outbox.items.keys();
  const page = name.slice(0, name.lastIndexOf("/") + 1);
  for (const [index, text] of ["{", "null", "7", "[]", "{}", `{"bookId":"1","key":"a","at":"b"}`].entries()) {
    outbox.setItem(`${page}${index}`, text);
  }
  // Well formed, and no key that can be sent.
  outbox.setItem(`${page}9`, JSON.stringify({ bookId, key: "not a key", content: "x", at: "t" }));
  outbox.setItem("of the site's own", "{");
  const again = await (await connect("alice", { outbox })).joinRoom(bookId);
  await until(() => outbox.length === 1);
  assert.equal(outbox.getItem("of the site's own"), "{");
  assert.match(warnings.splice(0).join("\n"), /^readrealm-chat: the outbox held something that is no message/);
  await until(() => shown(again).some(([content, status]) => content === "kept" && status === "sent"));

  for (const failing of ["setItem", "removeItem", "getItem", "key"]) {
    const broken = new MemoryStorage();
    broken[failing] = () => {
      throw new DOMException("no", "QuotaExceededError");
    };
    broken.items.set(name, "{}");
    const one = await (await connect("alice", { outbox: broken })).joinRoom(bookId);
    await one.send(`without ${failing}`);
    assert.ok(warnings.splice(0).length <= 1);
  }
  assert.equal((await onRecord(bookId)).length, 5);
});

test("what is written down is bounded", async () => {
  const [outbox, bookId] = [new MemoryStorage(), nextBook++];
  const client = await connect("alice", { outbox });
  const room = await client.joinRoom(bookId);
  await server.kill();
  await until(() => client.state.status === "reconnecting");
  const sends = Array.from({ length: 300 }, () => room.send("x".repeat(4_000)));
  const size = [...outbox.items.values()].reduce((sum, text) => sum + text.length, 0);
  assert.ok(size > 990_000 && size <= 1_000_000, `${size}`);
  assert.match(warnings.splice(0).join(), /is full/);
  await gone(client, ...sends);
  await server.run();
});

test("it can be localStorage; a page without that is told so, and works", async () => {
  const localStorage = new MemoryStorage();
  Object.defineProperty(globalThis, "localStorage", { get: () => localStorage, configurable: true });
  const kept = await connect("alice", { outbox: "persist" });
  const room = await kept.joinRoom(nextBook++);
  await server.kill();
  await until(() => kept.state.status === "reconnecting");
  await gone(kept, room.send("hello"));
  assert.equal(localStorage.length, 1);
  await server.run();
  const forbidden = () => {
    throw new DOMException("no", "SecurityError");
  };
  Object.defineProperty(globalThis, "localStorage", { get: forbidden, configurable: true });
  const client = await connect("alice", { outbox: "persist" });
  await (await client.joinRoom(nextBook++)).send("hello");
  assert.match(warnings.splice(0).join(), /no localStorage/);
});
