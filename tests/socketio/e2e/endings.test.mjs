// How connections end, and that their clients come back.

import assert from "node:assert/strict";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

story("a server that drains lets its clients go one by one, and they come back to the next", async (stage) => {
  const store = await stage.store("sqlite");
  const server = await stage.server({ store });
  const phones = Array.from({ length: 24 }, (_, n) => stage.phone(server, { transports: Object.values(ways)[n % 3] }));
  for (const [n, phone] of phones.entries()) await phone.join(1, `u${n}`);
  const ended = [];
  const begin = Date.now();
  for (const phone of phones) phone.socket.on("disconnect", (reason) => ended.push([Date.now() - begin, reason]));
  await server.drain();
  await until("all were let go", () => ended.length, phones.length);
  assert.doesNotMatch(server.log, /drain took longer/);
  assert.ok(ended.every(([, reason]) => reason !== "io server disconnect"), String(ended));
  const times = ended.map(([at]) => at);
  assert.ok(Math.max(...times) - Math.min(...times) > 1_500, `they end over some seconds: ${times}`);
  assert.ok(Math.max(...times) < 9_000, `${times}`);
  const again = await stage.server({ store, listen: new URL(server.origin).host });
  await until("all are back", () => phones.every(({ connects }) => connects === 2), true);
  assert.equal(again.origin, server.origin);
});

/** What the server counts. */
async function counted(server, line) {
  const numbers = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(numbers.split("\n").find((text) => text.startsWith(`${line} `))?.split(" ")[1] ?? 0);
}

const RATES_OFF = ["--messages-per-second", "0", "--user-messages-per-second", "0"];

/** So many bytes are more than the system's own buffers between two programs hold. */
async function flood(phone) {
  const content = "字".repeat(4_000);
  for (let n = 0; n < 1_500; n++) await phone.ask("chatMessage", { bookId: 1, content });
}

story("who takes nothing is let go when its queue is full, harms nobody, and gives its place back", async (stage) => {
  const flags = [...RATES_OFF, "--outbox-bytes", "200000", "--ping-interval", "1s", "--idle-timeout", "20s", "--max-connections-per-address", "3"];
  const server = await stage.server({ flags });
  const stuck = await stage.engine(server, ['42["joinRoom",{"bookId":1,"userId":"stuck"}]']);
  await stuck.hears((packet) => packet.startsWith('42["previousMessages"'));
  const [talker, listener] = [stage.phone(server), stage.phone(server)];
  await talker.join(1, "talker");
  await listener.join(1, "listener");
  stuck.socket.pause();
  await flood(talker);
  assert.equal((await listener.hearsMessages(1_500)).length, 1_500);
  await until("it is let go", () => counted(server, 'readrealm_connections{transport="socketio"}'), 2);
  assert.equal(await counted(server, 'readrealm_connections_closed_total{reason="slow_consumer"}'), 1);
  await listener.hears("userLeft", ({ userId }) => userId === "stuck");
  const handshake = async () => (await fetch(`${server.origin}/socket.io/?EIO=4&transport=polling`)).status;
  await until("its place is free", handshake, 200, 40_000);
  assert.deepEqual([talker.connects, talker.ends, listener.ends], [1, [], []]);
});

story("who reads slowly is told everything, once and in order", async (stage) => {
  const flags = [...RATES_OFF, "--outbox-bytes", "100000000", "--ping-interval", "1s", "--idle-timeout", "20s"];
  const server = await stage.server({ flags });
  const slow = stage.phone(server);
  const talker = stage.phone(server);
  await slow.join(1, "slow");
  await talker.join(1, "talker");
  const socket = slow.socket.io.engine.transport.ws;
  socket.pause();
  const flooded = flood(talker);
  await talker.hearsMessages(1_400);
  socket.resume();
  await flooded;
  await slow.hearsMessages(1_500);
  assert.deepEqual(slow.all("newMessage").map(({ seq }) => seq), Array.from({ length: 1_500 }, (_, n) => n + 1));
  assert.deepEqual([slow.connects, slow.ends], [1, []]);
});

story("a peer that takes nothing does not hold up a drain", async (stage) => {
  const server = await stage.server({ flags: [...RATES_OFF, "--outbox-bytes", "200000"] });
  const stuck = await stage.engine(server, ['42["joinRoom",{"bookId":1,"userId":"stuck"}]']);
  await stuck.hears((packet) => packet.startsWith('42["previousMessages"'));
  const talker = stage.phone(server, { reconnection: false });
  await talker.join(1, "talker");
  stuck.socket.pause();
  await flood(talker);
  await server.drain();
  assert.doesNotMatch(server.log, /drain took longer/);
});
