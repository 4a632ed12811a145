// A page that sleeps, hides and changes networks: its events are made here, its connection is to the real server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { Server, tapSockets, until } from "./support.mjs";

const tap = tapSockets();
const window = new EventTarget();
const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
Object.assign(globalThis, { window, document });

// The clock on the wall and the page's own, to be moved, and the looks at them.
const real = { date: Date.now, now: performance.now, set: globalThis.setInterval, clear: globalThis.clearInterval };
const skew = { wall: 0, own: 0 };
Date.now = () => real.date() + skew.wall;
performance.now = () => real.now.call(performance) + skew.own;
const looks = new Set();
globalThis.setInterval = (act) => {
  looks.add(act);
  return act;
};
globalThis.clearInterval = (act) => looks.delete(act);

let server;
let client;
let room;
before(async () => (server = await Server.start()));
after(() => server.stop());

async function start() {
  client = await ChatClient.connect(server.url, { userId: "alice" });
  room = await client.joinRoom(1);
  tap.frames.length = 0;
}
afterEach(() => {
  client.close();
  assert.equal(looks.size, 0, "nothing is left running");
  Object.assign(skew, { wall: 0, own: 0 });
  document.visibilityState = "visible";
});

const tell = (target, name, more = {}) => target.dispatchEvent(Object.assign(new Event(name), more));
const show = (state) => {
  document.visibilityState = state;
  tell(document, "visibilitychange");
};
const asked = () => tap.sent("joinRoom").length;

test("what tells of a sleep or a network has the connection prove itself at once", async () => {
  await start();
  const events = [
    [window, "online"],
    [window, "offline"],
    [window, "pageshow", { persisted: true }],
    [document, "resume"],
  ];
  for (const [index, event] of events.entries()) {
    tell(...event);
    assert.equal(asked(), index + 1, event[1]);
    // Answered: else the next question is this one still.
    await room.send(`${event[1]}`);
  }
  tell(window, "pageshow", { persisted: false });
  assert.equal(asked(), 4);
  assert.equal(client.state.status, "connected");
  assert.equal(tap.sockets.length, 1);
});

test("a connection that died in a sleep is replaced within seconds", async () => {
  await start();
  const states = [];
  client.onState((state) => states.push(state));
  tap.sockets.at(-1).deaf = true;
  // Awake again: the clock on the wall went on, and the page's own did not.
  skew.wall += 60_000;
  for (const look of looks) look();
  assert.equal(asked(), 1);
  const since = real.now.call(performance);
  await until(() => states.at(-1)?.status === "connected");
  assert.ok(real.now.call(performance) - since < 3_000);
  assert.deepEqual(states, [{ status: "reconnecting", attempt: 1, retryInMs: 0 }, { status: "connected" }]);
});

test("a page in view looks at the clock, a hidden one does nothing", async () => {
  await start();
  assert.equal(looks.size, 1);
  for (const look of looks) look();
  assert.equal(asked(), 0, "no time is missing");
  show("hidden");
  assert.equal(looks.size, 0);
  // Long hidden, and something was heard just now.
  skew.wall += 60_000;
  skew.own += 60_000;
  await room.send("heard");
  show("visible");
  assert.equal(looks.size, 1);
  assert.equal(asked(), 0);
  show("hidden");
  skew.wall += 60_000;
  skew.own += 60_000;
  show("visible");
  assert.equal(asked(), 1, "long silent");
  await room.send("answered");
  show("hidden");
  skew.wall += 60_000;
  show("visible");
  assert.equal(asked(), 2, "asleep: more time went by than the page lived through");
});

test("a page that waits to try again does not try when it goes offline, nor before the time that a server names", async () => {
  await start();
  const states = [];
  client.onState((state) => states.push(state));
  const opened = tap.sockets.length;
  const close = (code, reason) => tap.sockets.at(-1).onclose({ code, reason });
  close(4001, "retry in 60000 ms");
  assert.deepEqual(states, [{ status: "reconnecting", attempt: 1, retryInMs: 60_000 }]);
  for (const name of ["offline", "online"]) tell(window, name);
  tell(document, "resume");
  show("visible");
  assert.equal(tap.sockets.length, opened);
  client.close();

  await start();
  client.onState((state) => states.push(state));
  close(1006, "");
  const attempts = tap.sockets.length;
  tell(window, "offline");
  assert.equal(tap.sockets.length, attempts);
  tell(window, "online");
  assert.equal(tap.sockets.length, attempts + 1);
});

test("a page that waits to try again tries when it is back online", async () => {
  await start();
  const states = [];
  client.onState((state) => states.push(state));
  await server.kill();
  await until(() => states.some(({ attempt }) => attempt > 3), 20_000);
  await server.run();
  states.length = 0;
  tell(window, "online");
  assert.equal(states[0].retryInMs, 0);
  await until(() => client.state.status === "connected");
});
