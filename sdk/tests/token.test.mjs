// Tokens, against a server of this file's own that answers as it is told, on a clock that runs a hundred times as fast.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { WebSocketServer } from "ws";
import { until } from "./support.mjs";

const FAST = 100;
const { setTimeout: set } = globalThis;
const { now } = performance;
globalThis.setTimeout = (act, millis) => set(act, millis / FAST);
performance.now = () => now.call(performance) * FAST;
const { ChatClient } = await import("readrealm-chat");

let server;
let url;
let answer;
const tokens = [];
const sockets = [];

before(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  url = `ws://127.0.0.1:${server.address().port}/ws`;
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (text) => {
      const { event, id, data } = JSON.parse(text);
      const say = (event, data) => socket.send(JSON.stringify({ event, id, data }));
      if (event === "joinRoom") {
        const members = { count: 0, users: [] };
        say("previousMessages", { bookId: data.bookId, epoch: "e", seq: 0, messages: [], hasMore: false, members });
      }
      if (event !== "authenticate") return;
      tokens.push(data.token);
      answer({ socket, say, token: data.token });
    });
  });
});
afterEach(() => {
  tokens.length = sockets.length = 0;
});
after(() => server.close());

/** Takes the token, for so long. */
const taken = (say, millis, userId = "alice") =>
  say("authenticated", { userId, username: "Alice", expiresAt: new Date(Date.now() + millis).toISOString() });

/** `t1`, `t2`, … */
function counter() {
  let count = 0;
  return () => `t${++count}`;
}

test("another token is handed in in place before the first expires", async () => {
  answer = ({ say }) => taken(say, 20_000);
  const client = await ChatClient.connect(url, { getToken: counter() });
  assert.deepEqual(client.user, { userId: "alice", username: "Alice" });
  const states = [];
  client.onState((state) => states.push(state));
  await until(() => tokens.length === 3);
  assert.deepEqual(tokens, ["t1", "t2", "t3"]);
  assert.equal(sockets.length, 1);
  assert.deepEqual(states, []);
  client.close();
});

test("a token that cannot be had is asked for again", async () => {
  answer = ({ say }) => taken(say, 20_000);
  const complaints = [];
  const { error } = console;
  console.error = (...args) => complaints.push(args[0]);
  let asked = 0;
  const getToken = async () => {
    asked += 1;
    if (asked === 1 || asked === 3) throw new Error("no network");
    return `t${asked}`;
  };
  const client = await ChatClient.connect(url, { getToken });
  await until(() => tokens.length === 2);
  console.error = error;
  assert.deepEqual(tokens, ["t2", "t4"]);
  assert.deepEqual(complaints, ["readrealm-chat: getToken failed", "readrealm-chat: getToken failed"]);
  assert.equal(client.state.status, "connected");
  client.close();
});

test("an expired token is followed by a fresh one at once", async () => {
  answer = ({ say }) => taken(say, 3_600_000);
  const client = await ChatClient.connect(url, { getToken: counter() });
  const room = await client.joinRoom(1);
  await new Promise((resolve) => set(resolve, 6_000 / FAST));
  const states = [];
  client.onState((state) => states.push(state));
  sockets[0].close(4009);
  await until(() => states.at(-1)?.status === "connected");
  assert.deepEqual(states, [{ status: "reconnecting", attempt: 1, retryInMs: 0 }, { status: "connected" }]);
  assert.deepEqual(tokens, ["t1", "t2"]);
  room.leave();
  client.close();
});

test("a refused token has one fresh one tried, and then the client closes", async () => {
  for (const refuse of [({ say }) => say("error", { code: "unauthorized", message: "no" }), ({ socket }) => socket.close(4101)]) {
    tokens.length = 0;
    answer = refuse;
    await assert.rejects(ChatClient.connect(url, { getToken: counter() }), { code: "unauthorized" });
    assert.deepEqual(tokens, ["t1", "t2"]);
    answer = (call) => (call.token === "t1" ? refuse(call) : taken(call.say, 3_600_000));
    const client = await ChatClient.connect(url, { getToken: counter() });
    assert.equal(client.state.status, "connected");
    client.close();
  }
});

test("a token of another user closes the client", async () => {
  answer = ({ say, token }) => taken(say, 3_600_000, token === "t1" ? "alice" : "bob");
  const client = await ChatClient.connect(url, { getToken: counter() });
  const room = await client.joinRoom(1);
  const send = room.send("of alice");
  sockets[0].terminate();
  await assert.rejects(send, { code: "user_changed" });
  assert.deepEqual(client.state, { status: "closed", reason: "user_changed" });
  assert.deepEqual(client.user, { userId: "alice", username: "Alice" });
});
