// The packed tarball in a browser, without the example page: what only a real one has (reloads, tabs, locks, pages that sleep).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { browser, closeBrowser } from "../harness/browser.mjs";
import { serverBinary } from "../harness/needs.mjs";
import { unpack } from "../harness/packed.mjs";
import { until, within } from "../harness/until.mjs";

const BOOK = 28520;
/** Longer than two looks of a page at its clock. */
const SLEEP_MS = 5_000;
const PAGE = `<!doctype html><title>chat</title><script type="module">
  import { ChatClient } from "./package/dist/index.js";
  const { searchParams } = new URL(location.href);
  const states = (window.states = []);
  const { send } = WebSocket.prototype;
  const frames = (window.sentFrames = []);
  WebSocket.prototype.send = function (text) {
    frames.push(JSON.parse(text));
    send.call(this, text);
  };
  const onState = (state) => states.push({ ...state, at: performance.now() });
  window.chat = await ChatClient.connect(searchParams.get("chat"), { userId: searchParams.get("user"), outbox: "persist", onState });
  window.room = await chat.joinRoom(${BOOK});
  // Every list that could have been rendered: a copy beside its message must never be among them.
  window.lists = [room.messages];
  room.onChange(() => lists.push(room.messages));
</script>`;

const directory = mkdtempSync(join(tmpdir(), "readrealm-package-"));
const servers = [];
let site;
let context;

/** A server with the files of the page; the page itself must be there while the chat's server is not. */
class Server {
  #address = "127.0.0.1:0";
  child;

  static async start(store) {
    const server = new Server();
    server.store = store;
    servers.push(server);
    await server.run();
    return server;
  }

  get chat() {
    return `ws://${this.#address}/ws`;
  }

  page(chat, user) {
    return `http://${this.#address}/?chat=${encodeURIComponent(chat)}&user=${user}`;
  }

  async run() {
    const args = ["--listen", this.#address, "--store", this.store, "--static-dir", directory, "--content-security-policy", ""];
    this.child = spawn(serverBinary(), args, { stdio: ["ignore", "pipe", "ignore"] });
    const line = await within("the server to start", new Promise((resolve) => this.child.stdout.once("data", resolve)));
    this.#address = /http:\/\/(\S+)/.exec(line)[1];
  }

  async kill() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await gone;
  }
}

before(async () => {
  unpack(directory);
  writeFileSync(join(directory, "index.html"), PAGE);
  site = await Server.start("memory:");
});
afterEach(() => context?.close());
after(async () => {
  await closeBrowser();
  for (const server of servers) await server.kill();
  rmSync(directory, { recursive: true, force: true });
});

let stores = 0;
async function start() {
  const server = await Server.start(`sqlite:${join(directory, `${++stores}.db`)}`);
  context = await (await browser()).newContext();
  return server;
}

async function open(server, user) {
  const page = await context.newPage();
  await page.goto(site.page(server.chat, user));
  return page;
}

const joined = (page) => page.waitForFunction(() => window.room);
const shown = (page) => page.evaluate(() => room.messages.map(({ content, status }) => `${content} ${status}`).reverse());
const state = (page) => page.evaluate(() => chat.state.status);
const posted = (page) =>
  page.evaluate(() => sentFrames.filter(({ event }) => event === "message").map(({ data }) => data.content));
const kept = (page) => page.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith("readrealm-chat/")).length);
/** Not awaited: they end when the server is back, if this page lives to see it. */
const send = (page, ...all) =>
  page.evaluate((all) => void all.forEach((content) => room.send(content).catch(() => {})), all);

async function away(server, page) {
  await server.kill();
  await until("the page notices", () => state(page), "reconnecting");
}

test("a page loaded anew with three messages in its outbox: each stands in the room once, in order", async () => {
  const server = await start();
  const alice = await open(server, "alice");
  await joined(alice);
  await alice.evaluate(() => room.send("before"));
  await away(server, alice);
  await send(alice, "one", "two", "three");
  assert.deepEqual(await shown(alice), ["before sent", "one sending", "two sending", "three sending"]);
  await alice.reload();
  assert.equal(await kept(alice), 3);
  await server.run();
  await joined(alice);
  await until("all are sent", () => shown(alice), ["before sent", "one sent", "two sent", "three sent"]);
  const doubled = await alice.evaluate(() =>
    lists.filter((list) => new Set(list.map(({ clientMessageId, id }) => clientMessageId ?? id)).size < list.length),
  );
  assert.deepEqual(doubled, []);
  assert.equal(await kept(alice), 0);
  const bob = await open(server, "bob");
  await joined(bob);
  assert.deepEqual(await shown(bob), ["before sent", "one sent", "two sent", "three sent"]);
});

test("loaded anew in the middle of sending, again and again: each is there once", async () => {
  const server = await start();
  const alice = await open(server, "alice");
  const all = [];
  for (let round = 0; round < 8; round++) {
    await joined(alice);
    const words = [1, 2, 3].map((number) => `${round}.${number}`);
    all.push(...words);
    await send(alice, ...words);
    // As early and as late as it happens.
    await alice.evaluate((millis) => new Promise((resolve) => setTimeout(resolve, millis)), round % 4);
    await alice.reload();
  }
  await joined(alice);
  await until("nothing is kept", () => kept(alice), 0);
  const bob = await open(server, "bob");
  await joined(bob);
  assert.deepEqual(await shown(bob), all.map((words) => `${words} sent`));
});

test("while a tab lives its words are its own; when it is closed another open one sends them", async () => {
  const server = await start();
  const first = await open(server, "alice");
  const bob = await open(server, "bob");
  for (const page of [first, bob]) await joined(page);
  await away(server, first);
  await send(first, "one", "two");
  const second = await open(server, "alice");
  await server.run();
  await joined(second);
  await until("they are sent", () => shown(second), ["one sent", "two sent"]);
  assert.deepEqual([await posted(first), await posted(second)], [["one", "two"], []]);

  await Promise.all([away(server, first), until("the second notices", () => state(second), "reconnecting")]);
  await send(first, "three", "four");
  await first.close();
  await until("the second has taken them over", () => shown(second), [
    "one sent",
    "two sent",
    "three sending",
    "four sending",
  ]);
  await server.run();
  await until("bob hears them", () => shown(bob), ["one sent", "two sent", "three sent", "four sent"]);
  assert.deepEqual(await posted(second), ["three", "four"]);
  await until("nothing is kept", () => kept(second), 0);
});

test("a page that slept notices within seconds of its waking that the server is silent", async () => {
  const server = await start();
  const alice = await open(server, "alice");
  await joined(alice);
  const session = await (await browser()).newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const pages = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  for (const pid of pages) process.kill(pid, "SIGSTOP");
  // It hangs, and every connection with it.
  server.child.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, SLEEP_MS));
  for (const pid of pages) process.kill(pid, "SIGCONT");
  const began = await alice.evaluate(() => performance.now());
  await until("it notices", () => state(alice), "reconnecting");
  const noticed = await alice.evaluate(() => states.at(-1).at);
  assert.ok(noticed - began < 4_000, `${noticed - began} ms`);
  server.child.kill("SIGCONT");
  await until("it is back", () => state(alice), "connected");
});

test("off the network and back on it: no pause that is not needed", async () => {
  const server = await start();
  const alice = await open(server, "alice");
  await joined(alice);
  await away(server, alice);
  await until("the pauses have grown", () => alice.evaluate(() => chat.state.attempt ?? 0), (attempt) => attempt >= 4);
  await server.run();
  await alice.evaluate(() => window.dispatchEvent(new Event("online")));
  const last = await alice.evaluate(() => states.at(-1));
  assert.ok(last.status === "connected" || last.retryInMs === 0, JSON.stringify(last));
  await until("it is back", () => state(alice), "connected");
});
