// A fault inside the WebAssembly (a panic, which cannot be recovered from) must end the client in good order, and not
// leave a page with promises that never settle. A file of its own: afterwards this process has no working core.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { Server } from "./support.mjs";

// The broken core's own timer would keep this process waiting.
const timers = [];
const { setTimeout: set } = globalThis;
globalThis.setTimeout = (...args) => {
  timers.push(set(...args));
  return timers.at(-1);
};

const sockets = [];
globalThis.WebSocket = class extends globalThis.WebSocket {
  constructor(...args) {
    super(...args);
    sockets.push(this);
  }
};

let server;
before(async () => (server = await Server.start()));
after(async () => {
  await server.stop();
  for (const socket of sockets) socket.terminate?.();
  for (const timer of timers) clearTimeout(timer);
});

test("a fault closes every client, settles every promise and hangs up", async () => {
  const [alice, bob] = await Promise.all(
    ["alice", "bob"].map((userId) => ChatClient.connect(server.url, { userId })),
  );
  const room = await alice.joinRoom(1);
  await room.send("before");
  const states = [];
  const complaints = [];
  alice.onState((state) => states.push(state));
  bob.onState((state) => states.push(state));
  console.error = (text) => complaints.push(text);
  const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));

  // No page can do this: a message that calls the core while the core reads it.
  const { parse } = JSON;
  JSON.parse = (text) => {
    const frame = parse(text);
    if (frame.event === "message") {
      Object.defineProperty(frame.data, "clientMessageId", { get: () => room.setTyping(true) });
    }
    return frame;
  };
  const send = room.send("the end");
  await assert.rejects(send, { name: "ChatError", code: "internal" });
  JSON.parse = parse;

  assert.ok((await uncaught) instanceof WebAssembly.RuntimeError);
  process.setUncaughtExceptionCaptureCallback(null);
  const closed = { status: "closed", reason: "internal" };
  assert.deepEqual(states, [closed, closed]);
  assert.equal(complaints.length, 1);
  assert.deepEqual(room.messages.map(({ status }) => status), ["failed"]);
  await assert.rejects(bob.joinRoom(1), { code: "internal" });
  await assert.rejects(ChatClient.connect(server.url, { userId: "carol" }), { code: "internal" });
  assert.equal(sockets.length, 2);
  assert.ok(sockets.every(({ readyState }) => readyState >= WebSocket.CLOSING));
  alice.close();
});
