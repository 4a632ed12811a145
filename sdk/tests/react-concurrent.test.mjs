// What React does that a test of one plain render never meets: renders that yield, effects that go and come back, props that
// change, and components that are gone before their room is there. In a real React on a small DOM, against real servers.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Window } from "happy-dom";
import { Server, tapSockets, until } from "./support.mjs";

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
globalThis.navigator ??= window.navigator;
// Imported when the DOM is there: React looks for it once.
const React = await import("react");
const { Activity, createElement, startTransition, StrictMode, useDeferredValue, useEffect, useLayoutEffect, useState } = React;
const { createRoot } = await import("react-dom/client");
const { ChatClient } = await import("readrealm-chat");
const { ChatProvider, useRoom } = await import("readrealm-chat/react");

/** Longer than React works on end before it lets others have the thread. */
const SLOW_MS = 6;
const FLOOD = 150;
const UNLIMITED = ["--messages-per-second", "0", "--user-messages-per-second", "0"];

let server;
let nextBook = 1;
const roots = [];
const clients = [];
const complaints = [];
const wire = tapSockets();

before(async () => {
  server = await Server.start(...UNLIMITED);
  console.error = (...args) => complaints.push(args.join(" "));
});
afterEach(async () => {
  for (const root of roots.splice(0)) root.unmount();
  for (const client of clients.splice(0)) client.close();
  await until(() => wire.sockets.every(({ readyState }) => readyState >= 2));
  wire.frames.length = wire.sockets.length = 0;
  assert.deepEqual(complaints.splice(0), []);
});
after(() => server.stop());

function mount(element) {
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  roots.push(root);
  root.render(element);
  return root;
}

async function connect(userId, url = server.url) {
  const client = await ChatClient.connect(url, { userId });
  clients.push(client);
  return client;
}

const provider = (props, ...children) =>
  createElement(ChatProvider, { url: server.url, options: { userId: "alice" }, ...props }, ...children);
const given = (client, ...children) => createElement(ChatProvider, { client }, ...children);
const joins = () => wire.sent("joinRoom").map(({ data }) => data.bookId);
const leaves = () => wire.sent("leaveRoom").map(({ data }) => data.bookId);

/** As the network would. */
const drop = () => wire.sockets.at(-1).close();

/** Shows nothing, and leaves what it last saw in `views`. */
function Probe({ bookId, views }) {
  views.only = useRoom(bookId);
  return null;
}

function work() {
  for (const end = performance.now() + SLOW_MS; performance.now() < end; );
}

/** Takes so long that React yields before the next one, and looks at all of them with every commit. */
function Slow({ useNewest, turn, torn }) {
  const newest = useNewest();
  work();
  useLayoutEffect(() => {
    const shown = new Set([...document.querySelectorAll("b")].map(({ textContent }) => textContent));
    if (shown.size > 1) torn.push([...shown].join(" and "));
  });
  return createElement("b", { "data-turn": turn }, newest);
}

/** Two components over one room and a transition after the other, while bob floods it. */
async function flood(useNewestOf) {
  const bookId = nextBook++;
  const bob = await (await connect("bob")).joinRoom(bookId);
  const torn = [];
  let turns = 0;
  let over = false;
  const useNewest = () => useNewestOf(bookId);
  function Page() {
    const [turn, setTurn] = useState(0);
    useEffect(() => {
      turns = turn;
      if (!over) startTransition(() => setTurn(turn + 1));
    }, [turn]);
    return ["one", "two"].map((key) => createElement(Slow, { key, useNewest, turn, torn }));
  }
  mount(provider({}, createElement(Page)));
  await until(() => turns > 0);
  const before = turns;
  let sent = 0;
  // On a busy machine a transition takes longer to get its turn.
  while (sent < FLOOD || (turns === before && sent < 20 * FLOOD)) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => bob.send(`${sent + n}`)));
    sent += 10;
  }
  over = true;
  const last = String(sent);
  await until(() => [...document.querySelectorAll("b")].every(({ textContent }) => textContent === last));
  return { torn, turns: turns - before };
}

test("transitions that yield under a flood: two components over one room never differ", async () => {
  const { torn, turns } = await flood((bookId) => String(useRoom(bookId).messages[0]?.seq ?? ""));
  assert.ok(turns > 0, "a transition ended while the flood lasted");
  assert.deepEqual(torn, []);
});

test("a hook that reads the room while rendering is caught by that", async () => {
  const reader = await connect("carol");
  const rooms = new Map();
  const { torn } = await flood((bookId) => {
    const [, again] = useState();
    useEffect(() => {
      reader.joinRoom(bookId).then((room) => {
        rooms.set(bookId, room);
        again({});
        room.onChange(() => startTransition(() => again({})));
      });
    }, [bookId]);
    return String(rooms.get(bookId)?.messages[0]?.seq ?? "");
  });
  assert.ok(torn.length > 0);
});

test("a deferred list lags behind the room, only ever shows a state it was in, and catches up", async () => {
  const bookId = nextBook++;
  const bob = await (await connect("bob")).joinRoom(bookId);
  const seen = { behind: 0, lengths: [], mixed: [] };
  function List({ messages }) {
    work();
    return createElement("i", null, messages.length);
  }
  const Memo = React.memo(List);
  function Page() {
    const { messages } = useRoom(bookId);
    const deferred = useDeferredValue(messages);
    useLayoutEffect(() => {
      if (deferred !== messages) seen.behind += 1;
      seen.lengths.push(deferred.length);
      const seqs = deferred.map(({ seq }) => seq);
      if (seqs.some((seq, index) => seq !== seqs.length - index)) seen.mixed.push(seqs.join());
    });
    return createElement(Memo, { messages: deferred });
  }
  mount(provider({}, createElement(Page)));
  for (let sent = 0; sent < 100; sent++) await bob.send(`${sent}`);
  await until(() => document.querySelector("i")?.textContent === "100");
  assert.ok(seen.behind > 0, "it lagged behind");
  assert.deepEqual(seen.mixed, []);
  assert.deepEqual(seen.lengths, seen.lengths.toSorted((a, b) => a - b), "it went back");
});

test("effects that go and come back within the grace keep the socket and the room; later they connect anew", async () => {
  const bookId = nextBook++;
  const views = {};
  const page = (mode) => createElement(Activity, { mode }, provider({}, createElement(Probe, { bookId, views })));
  const root = mount(page("visible"));
  await until(() => views.only?.status === "joined");
  root.render(page("hidden"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  root.render(page("visible"));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await views.only.send("still here");
  assert.deepEqual([wire.sockets.length, joins(), leaves()], [1, [bookId], []]);

  root.render(page("hidden"));
  await until(() => wire.sockets[0].readyState === WebSocket.CLOSED);
  root.render(page("visible"));
  await until(() => wire.sockets.length === 2 && joins().length === 2);
  await views.only.send("here again");
  await until(() => views.only.messages.length === 2);
});

test("a component hears the events of its room once each, by the handler of its latest render", async () => {
  const [first, second] = [nextBook++, nextBook++];
  const heard = [];
  let setTurn;
  function Page({ bookId }) {
    const [turn, set] = useState(1);
    setTurn = set;
    const onEvent = ({ type, message }) => type === "message" && heard.push(`${turn}: ${message.content}`);
    heard.status = useRoom(bookId, { onEvent }).status;
    useRoom(bookId);
    return null;
  }
  const page = (bookId) => createElement(StrictMode, null, provider({}, createElement(Page, { bookId })));
  const root = mount(page(first));
  await until(() => heard.status === "joined");
  const bob = await connect("bob");
  const room = await bob.joinRoom(first);
  await room.send("one");
  await until(() => heard.length === 1);
  setTurn(2);
  await room.send("two");
  await until(() => heard.length === 2);
  root.render(page(second));
  await until(() => joins().includes(second));
  await room.send("for nobody");
  await (await bob.joinRoom(second)).send("three");
  await until(() => heard.length === 3);
  assert.deepEqual(heard, Object.assign(["1: one", "2: two", "2: three"], { status: "joined" }));
});

test("who writes for long is shown for as long; and no longer than the connection that tells of it", async () => {
  const [bookId, views] = [nextBook++, {}];
  mount(provider({}, createElement(Probe, { bookId, views })));
  await until(() => views.only?.status === "joined");
  const own = wire.sockets.at(-1);
  const room = await (await connect("bob")).joinRoom(bookId);
  const writing = setInterval(() => room.setTyping(true), 100);
  try {
    await until(() => views.only.typing.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    assert.equal(views.only.typing.length, 1, "it was shown for eight seconds");
    own.close();
    await until(() => views.only.state.status !== "connected");
    await until(() => views.only.typing.length === 0);
  } finally {
    clearInterval(writing);
  }
});

test("another client as the provider's prop: its room, its words, and the first one's is left", async () => {
  const bookId = nextBook++;
  const views = {};
  const [alice, carol] = [await connect("alice"), await connect("carol")];
  const root = mount(given(alice, createElement(Probe, { bookId, views })));
  await until(() => views.only?.status === "joined");
  assert.equal((await views.only.send("by alice")).userId, "alice");
  const turnTo = async (client) => {
    const { send } = views.only;
    root.render(given(client, createElement(Probe, { bookId, views })));
    await until(() => views.only.send !== send);
  };
  await turnTo(carol);
  await until(() => leaves().length === 1);
  assert.equal((await views.only.send("by carol")).userId, "carol");
  await until(() => views.only.messages.length === 2);
  await turnTo(alice);
  assert.equal((await views.only.send("alice again")).userId, "alice");
  await until(() => views.only.messages.length === 3);
  assert.deepEqual([alice.state.status, carol.state.status], ["connected", "connected"]);
});

test("another address as the provider's prop: one connection there, none here", async () => {
  const other = await Server.start();
  try {
    const bookId = nextBook++;
    const views = {};
    const page = (url) => provider({ url }, createElement(Probe, { bookId, views }));
    const root = mount(page(server.url));
    await until(() => views.only?.status === "joined");
    await views.only.send("on the first");
    root.render(page(other.url));
    await until(() => wire.sockets.length === 2 && wire.sockets[0].readyState === WebSocket.CLOSED);
    await views.only.send("on the second");
    await until(() => views.only.messages.length === 1);
    assert.equal(views.only.messages[0].content, "on the second");
    root.unmount();
    await until(() => wire.sockets[1].readyState === WebSocket.CLOSED);
  } finally {
    await other.stop();
  }
});

test("unmounted while it connects, and while it joins: nothing is left behind, and nobody is told", async () => {
  const root = mount(provider({}, createElement(Probe, { bookId: nextBook++, views: {} })));
  await until(() => wire.sockets.length === 1);
  root.unmount();
  await until(() => wire.sockets[0].readyState === WebSocket.CLOSED);

  // A connection that is deaf never has its join answered.
  const [bookId, client, views] = [nextBook++, await connect("alice"), {}];
  wire.sockets.at(-1).deaf = true;
  const page = mount(given(client, createElement(Probe, { bookId, views })));
  await until(() => joins().at(-1) === bookId);
  page.unmount();
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  // On a connection made anew it is not joined, or left at once.
  drop();
  await until(() => wire.sockets.length === 3 && client.state.status === "connected");
  await until(() => wire.frames.findLast(({ data }) => data.bookId === bookId).event === "leaveRoom");
  assert.equal(views.only.status, "joining");
});

test("a room that is come back to while it is still being joined is joined, and hears", async () => {
  const [first, second, third] = [nextBook++, nextBook++, nextBook++];
  const [client, views] = [await connect("alice"), {}];
  const at = (bookId) => given(client, createElement(Probe, { bookId, views }));
  const root = mount(at(first));
  await until(() => views.only?.status === "joined");
  wire.sockets.at(-1).deaf = true;
  root.render(at(second));
  await until(() => joins().includes(second));
  root.render(at(third));
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  root.render(at(second));
  // The connection is found dead, and another one made.
  drop();
  await until(() => views.only.status === "joined", 20_000);
  const bob = await (await connect("bob")).joinRoom(second);
  await bob.send("do you hear me?");
  await until(() => views.only.messages[0]?.content === "do you hear me?");
  await views.only.send("I do");
});
