// The hooks in a real React on a small DOM, against the real server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Window } from "happy-dom";
import { Server, tapSockets, until } from "./support.mjs";

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
globalThis.navigator ??= window.navigator;
// Imported when the DOM is there: React looks for it once.
const { createElement, StrictMode, useEffect } = await import("react");
const { createRoot, hydrateRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const { ChatClient, ChatError, fetchRoom } = await import("readrealm-chat");
const { ChatProvider, useChatClient, useChatState, useRoom } = await import("readrealm-chat/react");

let server;
let nextBook = 1;
const roots = [];
const complaints = [];

const wire = tapSockets();

before(async () => {
  server = await Server.start();
  console.error = (...args) => complaints.push(args.join(" "));
});
afterEach(async () => {
  for (const root of roots.splice(0)) root.unmount();
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

const sent = wire.sent;

/** Shows nothing, and leaves what it last saw in `views`. */
function Probe({ bookId, name = "only", views }) {
  views[name] = useRoom(bookId);
  return null;
}

const provider = (...children) =>
  createElement(ChatProvider, { url: server.url, options: { userId: "alice", username: "Alice" } }, ...children);

test("StrictMode: one socket, one join; messages, sending, and leaving", async () => {
  const bookId = nextBook++;
  const views = {};
  const root = mount(createElement(StrictMode, null, provider(createElement(Probe, { bookId, views }))));
  await until(() => views.only?.status === "joined");
  assert.equal(views.only.state.status, "connected");
  assert.deepEqual(views.only.members.users, [{ userId: "alice", username: "Alice" }]);

  const message = await views.only.send("Curiouser and curiouser!");
  await until(() => views.only.messages[0]?.status === "sent");
  assert.deepEqual(views.only.messages, [message]);
  await views.only.edit(message.id, "Curious");
  await until(() => views.only.messages[0].content === "Curious");
  await views.only.delete(message.id);
  await until(() => views.only.messages.length === 0);
  assert.deepEqual(await views.only.loadPrevious(), { hasMore: false });

  assert.equal(wire.sockets.length, 1);
  assert.equal(sent("joinRoom").length, 1);
  root.unmount();
  await until(() => sent("leaveRoom").length === 1);
  await until(() => wire.sockets[0].readyState === WebSocket.CLOSED);
});

test("two components, one join; the first to go does not leave", async () => {
  const bookId = nextBook++;
  const views = {};
  const both = (names) => provider(...names.map((name) => createElement(Probe, { key: name, bookId, name, views })));
  const root = mount(both(["one", "two"]));
  await until(() => views.one?.status === "joined" && views.two?.status === "joined");
  assert.equal(views.one.messages, views.two.messages);
  root.render(both(["two"]));
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  await views.two.send("still here");
  assert.equal(sent("joinRoom").length, 1);
  assert.equal(sent("leaveRoom").length, 0);
});

test("switching rooms and coming back at once joins each once", async () => {
  const [first, second] = [nextBook++, nextBook++];
  const views = {};
  const at = (bookId) => provider(createElement(Probe, { bookId, views }));
  const root = mount(at(first));
  await until(() => views.only?.status === "joined");
  await views.only.send("one");
  await until(() => views.only.messages.length === 1);
  root.render(at(second));
  await until(() => views.only.status === "joined" && views.only.messages.length === 0);
  root.render(at(first));
  await until(() => views.only.messages.length === 1);
  await until(() => sent("leaveRoom").some(({ data }) => data.bookId === second));
  assert.deepEqual(sent("joinRoom").map(({ data }) => data.bookId), [first, second]);
  assert.equal(sent("leaveRoom").length, 1);
});

test("rooms passed through while the connection is away are not joined when it is back", async () => {
  const views = {};
  const at = (bookId) => provider(createElement(Probe, { bookId, views }));
  const books = Array.from({ length: 6 }, () => nextBook++);
  const root = mount(at(books[0]));
  await until(() => views.only?.status === "joined");
  await server.kill();
  await until(() => views.only.state.status === "reconnecting");
  wire.frames.length = 0;
  for (const bookId of books) root.render(at(bookId)), await new Promise((resolve) => setTimeout(resolve, 20));
  // The first again, whose hooks have come and gone: it is joined all the same.
  root.render(at(books[0]));
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  await server.run();
  await until(() => views.only.status === "joined" && views.only.state.status === "connected", 30_000);
  await views.only.send("here");
  assert.deepEqual([...new Set(sent("joinRoom").map(({ data }) => data.bookId))], [books[0]]);
});

test("what a component can do waits for the join", async () => {
  const bookId = nextBook++;
  let sending;
  function Eager() {
    const { send } = useRoom(bookId);
    useEffect(() => {
      sending ??= send("early");
    }, [send]);
    return null;
  }
  mount(provider(createElement(Eager)));
  await until(() => sending);
  assert.equal((await sending).content, "early");
});

test("who is writing is shown until they stop or speak", async () => {
  const bookId = nextBook++;
  const views = {};
  mount(provider(createElement(Probe, { bookId, views })));
  await until(() => views.only?.status === "joined");
  const bob = await ChatClient.connect(server.url, { userId: "bob", username: "Bob" });
  const room = await bob.joinRoom(bookId);
  room.setTyping(true);
  await until(() => views.only.typing.length === 1);
  assert.deepEqual(views.only.typing, [{ userId: "bob", username: "Bob" }]);
  await room.send("there");
  await until(() => views.only.typing.length === 0);
  bob.close();
});

test("a client of the page's own is used and stays open", async () => {
  const client = await ChatClient.connect(server.url, { userId: "carol" });
  const views = {};
  let seen;
  function Chat() {
    seen = [useChatClient(), useChatState()];
    return createElement(Probe, { bookId: nextBook, views });
  }
  const root = mount(createElement(ChatProvider, { client }, createElement(Chat)));
  await until(() => views.only?.status === "joined");
  assert.deepEqual(seen, [client, { status: "connected" }]);
  root.unmount();
  await until(() => sent("leaveRoom").length === 1);
  assert.equal(client.state.status, "connected");
  client.close();
  nextBook += 1;
});

test("a room outlives whoever shares it: another provider's hooks, and the page itself", async () => {
  const [bookId, views] = [nextBook++, {}];
  const client = await ChatClient.connect(server.url, { userId: "carol" });
  const own = await client.joinRoom(bookId);
  const page = (name) => createElement(ChatProvider, { client }, createElement(Probe, { bookId, name, views }));
  const [one, two] = [mount(page("one")), mount(page("two"))];
  await until(() => views.one?.status === "joined" && views.two?.status === "joined");
  one.unmount();
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  await views.two.send("for two");
  await until(() => views.two.messages.length === 1);
  two.unmount();
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  await own.send("for the page");
  assert.equal(own.messages.length, 2);
  assert.equal(sent("joinRoom").length, 1);
  assert.equal(sent("leaveRoom").length, 0);
  client.close();
});

test("hooks that are gone hear no more of a room that the page goes on with; a provider's onState is called", async () => {
  const [bookId, views, states] = [nextBook++, {}, []];
  const client = await ChatClient.connect(server.url, { userId: "carol" });
  const own = await client.joinRoom(bookId);
  let [added, taken] = [0, 0];
  const subscribe = own.subscribe.bind(own);
  own.subscribe = (listener) => {
    added += 1;
    const stop = subscribe(listener);
    return () => (taken += 1, stop());
  };
  for (let i = 0; i < 2; i += 1) {
    const root = mount(createElement(ChatProvider, { client }, createElement(Probe, { bookId, views })));
    await until(() => added === i + 1);
    root.unmount();
    await until(() => taken === i + 1);
  }
  client.close();
  const options = { userId: "dave", onState: ({ status }) => states.push(status) };
  mount(createElement(ChatProvider, { url: server.url, options }, createElement(Probe, { bookId, views })));
  await until(() => states.at(-1) === "connected");
  assert.deepEqual(states, ["connecting", "connected"]);
});

test("a room that the page leaves while a component shows it is joined again; a closed client says so", async () => {
  const [bookId, views] = [nextBook++, {}];
  const client = await ChatClient.connect(server.url, { userId: "carol" });
  const own = await client.joinRoom(bookId);
  mount(createElement(ChatProvider, { client }, createElement(Probe, { bookId, views })));
  await until(() => views.only?.status === "joined");
  own.leave();
  await views.only.send("still here");
  await until(() => views.only.messages.length === 1);
  assert.equal(sent("joinRoom").length, 2);
  client.close();
  await until(() => views.only.status === "failed");
  assert.equal(views.only.error.code, "closed");
  assert.equal(views.only.messages.length, 1);
});

test("a room that cannot be had says so", async () => {
  const views = {};
  mount(provider(createElement(Probe, { bookId: -1, views })));
  await until(() => views.only?.status === "failed");
  assert.ok(views.only.error instanceof ChatError);
  assert.equal(views.only.error.code, "invalid_data");
});

test("on a server it renders, and connects to nothing", async () => {
  const views = {};
  assert.equal(renderToString(provider(createElement(Probe, { bookId: 1, views }))), "");
  assert.equal(views.only.status, "joining");
  assert.deepEqual(views.only.state, { status: "connecting" });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(wire.sockets.length, 0);
});

/** What a page of messages looks like: plain, and different wherever the state is. */
function Page({ bookId, initial, views }) {
  const room = (views.only = useRoom(bookId, { initial }));
  views.shown?.push(room.messages.map(({ content }) => content).join());
  return createElement("ul", null, room.messages.map(({ id, content }) => createElement("li", { key: id }, content)));
}

/** A room of two messages as a server fetched it, and one posted since. */
async function rendered() {
  const bookId = nextBook++;
  const bob = await ChatClient.connect(server.url, { userId: "bob" });
  const room = await bob.joinRoom(bookId);
  await room.send("one");
  await room.send("two");
  const fetched = await fetchRoom(server.url, bookId);
  const page = (views) => provider(createElement(Page, { bookId, initial: JSON.parse(JSON.stringify(fetched)), views }));
  const html = renderToString(page({}));
  assert.equal(html, "<ul><li>two</li><li>one</li></ul>");
  await room.send("three");
  bob.close();
  wire.frames.length = 0;
  return { bookId, fetched, page, html };
}

test("a page rendered on a server is taken over as it is, and the join goes on from its state", async () => {
  for (const strict of [false, true]) {
    const { bookId, fetched, page, html } = await rendered();
    const views = { shown: [] };
    const container = document.body.appendChild(document.createElement("div"));
    container.innerHTML = html;
    const [list] = container.children;
    wire.heard.length = 0;
    const before = wire.sockets.length;
    const element = strict ? createElement(StrictMode, null, page(views)) : page(views);
    const root = hydrateRoot(container, element, { onRecoverableError: (error) => complaints.push(String(error)) });
    roots.push(root);
    await until(() => wire.sockets.length > before);
    await until(() => views.only.status === "joined");
    assert.equal(container.children[0], list, "no other element");
    await until(() => container.innerHTML === "<ul><li>three</li><li>two</li><li>one</li></ul>");
    assert.deepEqual([...new Set(views.shown)], ["two,one", "three,two,one"], "never less");
    const joins = sent("joinRoom").map(({ data: { bookId, after, epoch } }) => ({ bookId, after, epoch }));
    assert.deepEqual(joins, [{ bookId, after: 2, epoch: fetched.epoch }]);
    const heard = wire.heard.map(({ event }) => event);
    assert.ok(heard.includes("resumed") && !heard.includes("previousMessages"), heard.join());
    root.unmount();
  }
});

test("a state that is another room's, or of no use, is not taken", async () => {
  const { bookId, fetched } = await rendered();
  for (const initial of [
    { ...fetched, bookId: bookId + 1_000 },
    { ...fetched, messages: [null] },
    { ...fetched, seq: -1 },
    { ...fetched, epoch: undefined },
    { ...fetched, epoch: "of another log" },
  ]) {
    const client = await ChatClient.connect(server.url, { userId: "carol" });
    const room = await client.joinRoom(bookId, { initial });
    assert.deepEqual(room.messages.map(({ content }) => content), ["three", "two", "one"]);
    client.close();
  }
});

test("a client joins from a state as well, and changes nothing of it", async () => {
  const { bookId, fetched } = await rendered();
  const before = JSON.stringify(fetched);
  for (const message of fetched.messages) Object.freeze(message);
  const client = await ChatClient.connect(server.url, { userId: "carol" });
  const room = await client.joinRoom(bookId, { initial: Object.freeze(fetched) });
  assert.equal(room.messages.length, 3);
  assert.equal(room.messages[1], fetched.messages[0], "the very same objects");
  assert.equal(JSON.stringify(fetched), before);
  assert.deepEqual(room.members.users, [{ userId: "carol", username: "carol" }]);
  client.close();
});

test("without a provider it says what is missing", () => {
  assert.throws(() => renderToString(createElement(Probe, { bookId: 1, views: {} })), /ChatProvider/);
});
