// What the real server sends to a member of a room in which much is said: recorded once, and pushed as often as is measured.

import { WebSocket } from "ws";
import { serverBinary } from "../../tests/browser/harness/needs.mjs";
import { Process } from "../../tests/browser/harness/process.mjs";
import { until } from "../../tests/browser/harness/until.mjs";

export const BOOK = 28520;
const SPEAKERS = 4;
/** Posts of one speaker that are not answered yet. */
const IN_FLIGHT = 64;
const UNLIMITED = ["--messages-per-second", "0", "--user-messages-per-second", "0", "--outbox-bytes", String(2 ** 28)];

/** Resolves with the answer to a join, and the frames that followed with these contents, byte for byte. */
export async function record(contents) {
  const args = ["--listen", "127.0.0.1:0", "--store", "memory:", ...UNLIMITED];
  const server = await Process.start("the server", serverBinary(), args, /^listening on http:\/\/(.+)$/);
  try {
    const url = `ws://${server.match[1]}/ws`;
    const listener = new WebSocket(url, "readrealm.v1").on("error", () => {});
    const welcome = await enter(listener, "listener");
    const frames = [];
    listener.on("message", (text) => JSON.parse(text).event === "message" && frames.push(String(text)));
    await speak(url, contents);
    await until("the listener has heard all", () => frames.length, contents.length);
    listener.terminate();
    return { welcome, frames };
  } finally {
    await server.end();
  }
}

/** Resolves when all is said. */
async function speak(url, contents) {
  const waiting = contents.entries();
  let answers = 0;
  const speakers = Array.from({ length: SPEAKERS }, () => new WebSocket(url, "readrealm.v1").on("error", () => {}));
  try {
    await Promise.all(speakers.map((socket, index) => enter(socket, `speaker-${index}`)));
    await new Promise((resolve, reject) => {
      for (const socket of speakers) {
        const next = () => {
          const { done, value } = waiting.next();
          if (!done) socket.send(post(value));
        };
        socket.on("close", (code) => reject(new Error(`a speaker's connection was closed: ${code}`)));
        socket.on("message", (text) => {
          const { event, id, data } = JSON.parse(text);
          if (event === "error") reject(new Error(JSON.stringify(data)));
          if (id === undefined) return;
          if (++answers === contents.length) resolve();
          next();
        });
        for (let flight = 0; flight < IN_FLIGHT; flight++) next();
      }
    });
  } finally {
    for (const socket of speakers) socket.removeAllListeners("close").terminate();
  }
}

/** Resolves with the answer. */
function enter(socket, userId) {
  return new Promise((resolve, reject) => {
    const late = (code) => reject(new Error(`a speaker was not let in: ${code}`));
    socket.once("close", late);
    socket.once("open", () => socket.send(JSON.stringify({ event: "joinRoom", id: 0, data: { bookId: BOOK, userId } })));
    socket.on("message", function joined(text) {
      const frame = JSON.parse(text);
      if (frame.id !== 0) return;
      socket.off("message", joined).off("close", late);
      resolve(frame);
    });
  });
}

const post = ([number, content]) =>
  JSON.stringify({ event: "message", id: number + 1, data: { bookId: BOOK, content, clientMessageId: `bench-${number}`.padEnd(22, "-") } });
