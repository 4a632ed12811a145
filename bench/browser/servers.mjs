// The site with the pages, and two servers in this process that push the same messages in the same bursts: socket.io's own, and
// one that plays what readrealm-server has sent before. So the pages differ in nothing but the library.

import { once } from "node:events";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, extname, join, normalize } from "node:path";
import { createRequire } from "node:module";
import { Server as SocketIo } from "socket.io";
import { WebSocketServer } from "ws";
import { repository } from "../../tests/browser/harness/needs.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
/** What is served, by the beginning of its path. */
const FOLDERS = [
  ["/dist/", join(repository, "sdk/dist")],
  ["/client/", join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist")],
  ["/", join(import.meta.dirname, "pages")],
];
/** Messages that go out before the process looks after its connections again. */
const BREATH = 100;

async function inBursts(all, send) {
  for (const [index, one] of all.entries()) {
    send(one);
    if (index % BREATH === BREATH - 1) await new Promise(setImmediate);
  }
}

/** The pages, and the socket.io server of one of them. */
export async function startSocketIo() {
  const http = createServer(async ({ url }, response) => {
    const path = normalize(new URL(url, "http://site").pathname);
    const [prefix, folder] = FOLDERS.find(([prefix]) => path.startsWith(prefix));
    const file = join(folder, path.slice(prefix.length));
    const body = await readFile(file).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(body);
  });
  const io = new SocketIo(http);
  await once(http.listen(0, "127.0.0.1"), "listening");
  const push = (messages) => inBursts(messages, (message) => io.emit("newMessage", message));
  return { origin: `http://127.0.0.1:${http.address().port}`, push, close: () => io.close() };
}

/** Answers a join with `welcome`, and pushes frames as they were recorded. */
export async function startPlayer(welcome) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  server.on("connection", (socket) =>
    socket.on("message", (text) => {
      const { event, id } = JSON.parse(text);
      if (event === "joinRoom") socket.send(JSON.stringify({ ...welcome, id }));
    }),
  );
  const send = (frame) => server.clients.forEach((socket) => socket.send(frame));
  const close = () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  };
  return { url: `ws://127.0.0.1:${server.address().port}/ws`, push: (frames) => inBursts(frames, send), close };
}
