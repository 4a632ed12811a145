// Tokens, against the real server.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { MemoryStorage, Server, until } from "./support.mjs";

const { ChatClient, ChatError } = await import("readrealm-chat");

const SECRET = "the secret of this test, of 32 bytes and more";
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims, secret = SECRET) {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const message = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp, ...claims })}`;
  return `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}`;
}

let server;
before(async () => {
  server = await Server.start("--auth-secret", SECRET);
});
after(() => server.stop());

test("the token says who it is", async () => {
  const chat = await ChatClient.connect(server.url, { getToken: () => sign({ sub: "u1", name: "Alice" }) });
  assert.deepEqual(chat.user, { userId: "u1", username: "Alice" });
  const room = await chat.joinRoom(1);
  const sent = await room.send("by a token");
  assert.deepEqual([sent.userId, sent.username], ["u1", "Alice"]);
  chat.close();
});

test("a token that has expired on its way is replaced by a fresh one", async () => {
  const tokens = [sign({ sub: "u1", exp: 1 }), sign({ sub: "u1" })];
  const chat = await ChatClient.connect(server.url, { getToken: () => tokens.shift() });
  assert.equal(chat.user.userId, "u1");
  assert.equal(tokens.length, 0);
  chat.close();
});

test("a token by another key closes as unauthorized, after one more try", async () => {
  let asked = 0;
  const getToken = () => sign({ sub: "u1" }, `another ${SECRET} ${++asked}`);
  await assert.rejects(ChatClient.connect(server.url, { getToken }), { code: "unauthorized" });
  assert.equal(asked, 2);
});

test("a page that has no token for good says so, and is asked no more", async () => {
  let asked = 0;
  const states = [];
  const getToken = () => {
    if (++asked > 1) throw new ChatError("unauthorized", "logged out");
    return sign({ sub: "u1", exp: Math.floor(Date.now() / 1000) + 2 });
  };
  const chat = await ChatClient.connect(server.url, { getToken, onState: (state) => states.push(state) });
  await until(() => chat.state.status === "closed");
  assert.equal(chat.state.reason, "unauthorized");
  assert.equal(asked, 2);
  await assert.rejects(chat.joinRoom(1), { code: "unauthorized", message: "the client is closed: unauthorized" });
});

test("when a token ends the client comes back with another, and misses nothing", async () => {
  const writer = await ChatClient.connect(server.url, { getToken: () => sign({ sub: "w" }) });
  const heard = [];
  let asked = 0;
  // Too short to be renewed in place: the server closes with 4009.
  const soon = () => Math.floor(Date.now() / 1000) + 2;
  const getToken = () => sign(++asked > 1 ? { sub: "r" } : { sub: "r", exp: soon() });
  const reader = await ChatClient.connect(server.url, { getToken });
  const room = await reader.joinRoom(2);
  room.subscribe((event) => event.type === "message" && heard.push(event.message.content));
  const desk = await writer.joinRoom(2);
  await desk.send("before");
  await until(() => asked === 2 && reader.state.status === "connected");
  await desk.send("after");
  await until(() => heard.length === 2);
  assert.deepEqual(heard, ["before", "after"]);
  reader.close();
  writer.close();
});

test("a room outside the token's is forbidden, and the others go on", async () => {
  const chat = await ChatClient.connect(server.url, { getToken: () => sign({ sub: "u1", rooms: [3] }) });
  await assert.rejects(chat.joinRoom(4), { code: "forbidden" });
  const room = await chat.joinRoom(3);
  await room.send("here I may");
  chat.close();
});

test("a moderator changes what another wrote", async () => {
  const [alice, maud] = await Promise.all(
    [{ sub: "alice" }, { sub: "maud", moderator: true }].map(async (claims) => {
      const chat = await ChatClient.connect(server.url, { getToken: () => sign(claims) });
      return { chat, room: await chat.joinRoom(5) };
    }),
  );
  const sent = await alice.room.send("a rude word");
  await until(() => maud.room.messages.length === 1);
  await maud.room.edit(sent.id, "a kind word");
  await until(() => alice.room.messages[0].content === "a kind word");
  assert.equal(alice.room.messages[0].userId, "alice");
  await maud.room.delete(sent.id);
  await until(() => alice.room.messages.length === 0);
  alice.chat.close();
  maud.chat.close();
});

test("what an earlier page left behind for a room that refuses this one waits for a page that is let in", async () => {
  const [outbox, bookId] = [new MemoryStorage(), 4];
  const as = (rooms) => ChatClient.connect(server.url, { outbox, getToken: () => sign({ sub: "keeper", rooms }) });
  const first = await as([bookId]);
  const room = await first.joinRoom(bookId);
  await server.kill();
  const sending = room.send("kept").catch(({ code }) => code);
  first.close();
  assert.equal(await sending, "closed");
  await server.run();
  const second = await as([]);
  await assert.rejects(second.joinRoom(bookId), { code: "forbidden" });
  second.close();
  const third = await as([bookId]);
  const again = await third.joinRoom(bookId);
  await until(() => again.messages[0]?.status === "sent");
  assert.deepEqual(again.messages.map(({ content }) => content), ["kept"]);
  assert.equal(outbox.length, 0);
  third.close();
});
