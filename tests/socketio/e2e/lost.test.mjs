// A session ends with the socket that carries it, or that was to: its membership, its place, its memory.

import assert from "node:assert/strict";
import { connect } from "node:net";
import WebSocket from "ws";
import { counted } from "../harness/metrics.mjs";
import { Polling } from "../harness/polling.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const OPEN = 'readrealm_connections{transport="socketio"}';

/** A WebSocket that is to take over from long-polling, as far as its handshake. */
async function probe(server, sid) {
  const socket = new WebSocket(`${server.origin.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
  socket.on("error", () => {});
  const answered = new Promise((resolve) => socket.once("message", (text) => resolve(String(text))));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return { socket, answered };
}

for (const [when, steps] of Object.entries({ "before it asked": [], "before it took over": ["2probe"] })) {
  story(`a probe that is cut ${when} ends its session, and the room is told`, async (stage) => {
    const server = await stage.server();
    const watcher = stage.phone(server);
    await watcher.join(1, "watcher");
    const polling = await Polling.open(server, ["40", '42["joinRoom",{"bookId":1,"userId":"ghost"}]']);
    await watcher.hears("userJoined", ({ userId }) => userId === "ghost");
    const { socket, answered } = await probe(server, polling.sid);
    for (const step of steps) socket.send(step);
    if (steps.length > 0) assert.equal(await answered, "3probe");
    socket.terminate();
    // By default a silent session has a minute: this one has not.
    await until("its session is over", () => counted(server, OPEN), 1);
    await until("a request of it is told so", () => polling.get().then(({ status }) => status), 400);
    await watcher.hears("userLeft", ({ userId }) => userId === "ghost");
  });
}

story("a session that says nothing while a probe of it is open ends by a clock of its own", async (stage) => {
  const server = await stage.server({ flags: ["--idle-timeout", "2s"] });
  const polling = await Polling.open(server, ["40"]);
  // Its first question is answered: while it waits for an answer the engine would end the session itself.
  assert.match((await polling.get()).packets[0], /^40/);
  const { socket } = await probe(server, polling.sid);
  const from = Date.now();
  await until("its session is over", () => counted(server, OPEN), 0);
  // The engine asks for no sign of life meanwhile, and gives a probe ten seconds.
  const lasted = Date.now() - from;
  assert.ok(lasted > 1_500 && lasted < 7_000, `${lasted} ms`);
  socket.terminate();
});

story("a second probe, or one that is no WebSocket, is refused and harms nothing", async (stage) => {
  const server = await stage.server();
  const polling = await Polling.open(server, ["40", '42["joinRoom",{"bookId":1,"userId":"u1"}]']);
  // A proxy that knows nothing of WebSockets passes it on so.
  const plain = await fetch(`${server.origin}/socket.io/?EIO=4&transport=websocket&sid=${polling.sid}`);
  assert.equal(plain.status, 400);
  assert.match((await polling.get()).packets[0], /^40/);
  const { socket } = await probe(server, polling.sid);
  const refused = /Unexpected server response: 400/;
  await assert.rejects(probe(server, polling.sid), refused);
  const heard = [];
  socket.on("message", (text) => heard.push(String(text)));
  socket.send("2probe");
  await until("the probe is answered", () => heard.includes("3probe"), true);
  socket.send("5");
  socket.send('421["chatMessage",{"bookId":1,"content":"still here"}]');
  await until("it is served by the WebSocket", () => heard.some((packet) => packet.startsWith("431")), true);
  await assert.rejects(probe(server, polling.sid), refused);
  await assert.rejects(probe(server, "AAAAAAAAAAAAAAAA"), refused);
  socket.send('422["chatMessage",{"bookId":1,"content":"and again"}]');
  await until("it is served on", () => heard.some((packet) => packet.startsWith("432")), true);
  socket.terminate();
});

const GONE = 3_000;
const AT_ONCE = 50;

story(`${GONE} WebSockets that vanish in their handshake leave nothing`, async (stage) => {
  const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
  const { port, hostname } = new URL(server.origin);
  const vanish = (query, ms) =>
    new Promise((resolve) => {
      const head = `GET /socket.io/?${query}&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`, () => {
          setTimeout(() => resolve(socket.resetAndDestroy()), ms);
        });
      });
      socket.on("error", resolve);
    });
  // Clients of version 2 are in without asking: nothing but the end of the socket tells of theirs.
  for (let begun = 0; begun < GONE; begun += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => vanish("EIO=3", (begun / AT_ONCE) % 3)));
  }
  await until("no session is left", () => counted(server, OPEN), 0);
});
