// Reading a room over HTTP: no WebAssembly, no connection.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { ChatClient, fetchRoom } from "readrealm-chat";
import * as light from "readrealm-chat/server";
import { Server } from "./support.mjs";

const BOOK = 28520;
let server;
let client;
let room;

before(async () => {
  server = await Server.start();
  client = await ChatClient.connect(server.url, { userId: "alice", username: "Alice" });
  room = await client.joinRoom(BOOK);
  for (let i = 1; i <= 5; i++) await room.send(`message ${i}`);
});
after(async () => {
  client.close();
  await server.stop();
});

test("it has the messages as a joined room has them, and is plain JSON", async () => {
  assert.equal(light.fetchRoom, fetchRoom);
  const state = await fetchRoom(server.url, BOOK);
  assert.deepEqual(state.messages, room.messages);
  assert.deepEqual(Object.keys(state).sort(), ["bookId", "epoch", "hasMore", "members", "messages", "seq"]);
  assert.deepEqual([state.bookId, state.seq, state.hasMore, state.members.count], [BOOK, 5, false, 1]);
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
  // The same by the address of the server itself.
  assert.deepEqual(await fetchRoom(server.url.replace("ws:", "http:").replace("/ws", ""), BOOK), state);
});

test("it reads pages", async () => {
  const newest = await fetchRoom(server.url, BOOK, { limit: 2 });
  assert.deepEqual(newest.messages.map(({ seq }) => seq), [5, 4]);
  assert.equal(newest.hasMore, true);
  const older = await fetchRoom(server.url, BOOK, { before: 4, limit: 2 });
  assert.deepEqual(older.messages.map(({ seq }) => seq), [3, 2]);
});

test("what goes wrong is said with a code", async () => {
  await assert.rejects(fetchRoom(server.url, -1), { name: "ChatError", code: "invalid_data" });
  await assert.rejects(fetchRoom(server.url, BOOK, { limit: 101 }), { code: "invalid_data" });
  await assert.rejects(fetchRoom("ws://127.0.0.1:9/ws", BOOK), { code: "unavailable" });
  await assert.rejects(fetchRoom("nowhere", BOOK), { code: "invalid_url" });
  await assert.rejects(fetchRoom(server.url, BOOK, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("too fast is said as such, with a time to come back after which it succeeds", async () => {
  const strict = await Server.start("--user-reads-per-second", "1", "--message-burst", "2");
  try {
    const refused = await (async () => {
      for (let n = 0; n < 50; n++) await fetchRoom(strict.url, BOOK);
    })().catch((error) => error);
    assert.deepEqual([refused?.name, refused?.code], ["ChatError", "rate_limited"]);
    assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 1_001, `${refused.retryAfterMs}`);
    await new Promise((resolve) => setTimeout(resolve, refused.retryAfterMs));
    assert.equal((await fetchRoom(strict.url, BOOK)).bookId, BOOK);
  } finally {
    await strict.stop();
  }
});

test("it sends the token, below whatever path the server stands, and believes no other page", async () => {
  const asked = [];
  const answers = [[502, "<html>"], [200, "null"], [200, "{}"], [503, `{"code":"unavailable","message":"x","retryAfterMs":7}`]];
  const proxy = createServer(({ url, headers }, response) => {
    asked.push([url, headers.authorization]);
    const [status, body] = answers.shift();
    response.writeHead(status).end(body);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const url = `ws://127.0.0.1:${proxy.address().port}/chat/ws?tenant=1`;
  for (const retryAfterMs of [undefined, undefined, undefined, 7]) {
    await assert.rejects(fetchRoom(url, BOOK, { token: "a.b.c" }), { code: "unavailable", retryAfterMs });
  }
  assert.deepEqual(asked, Array(4).fill([`/chat/rooms/${BOOK}/messages`, "Bearer a.b.c"]));
  proxy.close();
});
