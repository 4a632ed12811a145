// The two servers and the two ways to push: the same messages, as fast as each comes.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, extname, join, normalize } from "node:path";
import { createRequire } from "node:module";
import { Server as SocketIo } from "socket.io";
import { WebSocket } from "ws";
import { repository, serverBinary } from "../../tests/browser/harness/needs.mjs";
import { Process } from "../../tests/browser/harness/process.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
/** What is served, by the beginning of its path. */
const FOLDERS = [
  ["/dist/", join(repository, "sdk/dist")],
  ["/client/", join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist")],
  ["/", join(import.meta.dirname, "pages")],
];
/** Messages that go out before socket.io's server looks after its connections again. */
const BREATH = 100;
const SPEAKERS = 4;
/** Posts of one speaker that are not answered yet. */
const IN_FLIGHT = 64;
const UNLIMITED = ["--messages-per-second", "0", "--user-messages-per-second", "0", "--outbox-bytes", String(2 ** 28)];

/** A site with both pages, and the socket.io server of one of them. */
export async function startSocketIo() {
  const http = createServer(async ({ url }, response) => {
    const path = normalize(new URL(url, "http://site").pathname);
    const [prefix, folder] = FOLDERS.find(([prefix]) => path.startsWith(prefix));
    const file = join(folder, path.slice(prefix.length));
    const body = await readFile(file).catch(() => undefined);
    response.writeHead(body ? 200 : 404, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(body);
  });
  const io = new SocketIo(http);
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const push = async (messages) => {
    for (const [index, message] of messages.entries()) {
      io.emit("newMessage", message);
      if (index % BREATH === BREATH - 1) await new Promise(setImmediate);
    }
  };
  return { origin: `http://127.0.0.1:${http.address().port}`, push, close: () => io.close() };
}

export async function startReadRealm() {
  const args = ["--listen", "127.0.0.1:0", "--store", "memory:", ...UNLIMITED];
  const program = await Process.start("the server", serverBinary(), args, /^listening on http:\/\/(.+)$/);
  const url = `ws://${program.match[1]}/ws`;
  return { url, push: (book, contents) => speak(url, book, contents), close: () => program.end() };
}

/** Resolves with the messages as the room heard them. */
async function speak(url, book, contents) {
  const waiting = contents.entries();
  const heard = [];
  const speakers = Array.from({ length: SPEAKERS }, () => new WebSocket(url, "readrealm.v1").on("error", () => {}));
  try {
    await Promise.all(speakers.map((socket, index) => enter(socket, book, `speaker-${index}`)));
    await new Promise((resolve, reject) => {
      for (const [index, socket] of speakers.entries()) {
        const next = () => {
          const { done, value } = waiting.next();
          if (!done) socket.send(post(book, value));
        };
        socket.on("close", (code) => reject(new Error(`a speaker's connection was closed: ${code}`)));
        socket.on("message", (text) => {
          const { event, id, data } = JSON.parse(text);
          if (event === "error") reject(new Error(JSON.stringify(data)));
          if (id !== undefined) return next();
          if (index > 0 || event !== "message") return;
          heard.push(data);
          if (heard.length === contents.length) resolve();
        });
        for (let flight = 0; flight < IN_FLIGHT; flight++) next();
      }
    });
    return heard;
  } finally {
    for (const socket of speakers) socket.removeAllListeners("close").terminate();
  }
}

function enter(socket, book, userId) {
  return new Promise((resolve, reject) => {
    const late = (code) => reject(new Error(`a speaker was not let in: ${code}`));
    socket.once("close", late);
    socket.once("open", () => socket.send(JSON.stringify({ event: "joinRoom", id: 0, data: { bookId: book, userId } })));
    socket.on("message", function joined(text) {
      if (JSON.parse(text).id !== 0) return;
      socket.off("message", joined).off("close", late);
      resolve();
    });
  });
}

const post = (bookId, [number, content]) =>
  JSON.stringify({ event: "message", id: number + 1, data: { bookId, content, clientMessageId: `bench-${number}`.padEnd(22, "-") } });
