// How connections end, and that their clients come back.

import assert from "node:assert/strict";
import { get } from "node:http";
import { counted } from "../harness/metrics.mjs";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const EACH = 16;

story("a server that drains lets its clients go one by one, serves each until then, and they come back to the next", async (stage) => {
  const store = await stage.store("sqlite");
  const server = await stage.server({ store });
  // One of them will be there yet.
  const talkers = await Promise.all([1, 2, 3, 4, 5].map(() => stage.engine(server, ['42["joinRoom",{"bookId":1,"userId":"talker"}]'])));
  const groups = Object.entries(ways).map(([way, transports]) => ({
    way,
    ended: [],
    phones: Array.from({ length: EACH }, () => stage.phone(server, { transports })),
  }));
  const phones = groups.flatMap((group) => group.phones);
  for (const [n, phone] of phones.entries()) await phone.join(1, `u${n}`);
  const begin = Date.now();
  for (const { phones, ended } of groups) {
    for (const phone of phones) {
      phone.socket.on("disconnect", (reason) => {
        ended.push([Date.now() - begin, reason]);
        // Not until it has been seen that nobody is let in.
        phone.socket.disconnect();
      });
    }
  }
  const drained = server.drain();
  const status = (path, options) => fetch(`${server.origin}${path}`, options).then((response) => response.status, () => 0);
  await until("it is going away", () => status("/socket.io/?EIO=4&transport=polling"), 503);
  const handshake = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const refused = await new Promise((resolve) => {
    get(`${server.origin}/ws`, { headers: handshake }, (response) => resolve(response.resume().statusCode)).on("error", resolve);
  });
  assert.equal(refused, 503);
  const told = new Set();
  for (const phone of phones) phone.socket.on("newMessage", () => told.add(phone));
  talkers.find(({ closed }) => !closed).emit("chatMessage", { bookId: 1, content: "on the way out" });
  await drained;
  assert.doesNotMatch(server.log, /drain took longer/);
  for (const { way, ended } of groups) {
    assert.equal(ended.length, EACH, way);
    assert.ok(ended.every(([, reason]) => reason !== "io server disconnect"), `${way}: ${ended}`);
    const times = ended.map(([at]) => at);
    assert.ok(Math.max(...times) - Math.min(...times) > 1_200, `by ${way} they end over some seconds: ${times}`);
    assert.ok(Math.max(...times) < 9_000, `${times}`);
  }
  const late = groups.map(({ phones }) => phones.filter((phone) => told.has(phone)).length);
  assert.ok(late.every((count) => count > 0), `some of each way heard what was said meanwhile: ${late}`);
  const again = await stage.server({ store, listen: new URL(server.origin).host });
  for (const phone of phones) phone.socket.connect();
  await until("all are back", () => phones.every(({ connects }) => connects === 2), true);
  assert.equal(again.origin, server.origin);
});

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

for (const transports of [ways.websocket, ways.polling]) {
  story(`large answers asked for all at once are told once, each before its callback, by ${transports}`, async (stage) => {
    const server = await stage.server({ flags: [...RATES_OFF, "--joins-per-second", "0", "--ping-interval", "20ms", "--idle-timeout", "10s"] });
    const phone = stage.phone(server, { transports });
    await phone.join(1, "u1");
    // The 50 newest of these are more than the engine is given beside others.
    for (let n = 0; n < 60; n++) await phone.ask("chatMessage", { bookId: 1, content: `${n} ${"x".repeat(1_000)}` });
    phone.heard = [];
    const told = [];
    phone.socket.on("previousMessages", () => told.push("history"));
    phone.socket.on("messagesPage", () => told.push("page"));
    const ask = (event, data, done) => phone.socket.emit(event, data, (answer) => told.push(done(answer)));
    for (let n = 1; n <= 60; n++) {
      ask("joinRoom", { bookId: 1, userId: "u1" }, () => "joined");
      ask("loadPrevious", { bookId: 1, before: 60, limit: 50 }, ({ messages }) => `${messages.length} read`);
      if (n % 5 === 0) await until(`${n} are answered`, () => told.length, n * 4);
    }
    assert.deepEqual(told, Array.from({ length: 60 }, () => ["history", "joined", "page", "50 read"]).flat());
    assert.deepEqual([phone.connects, phone.ends, phone.all("exception")], [1, [], []]);
  });
}

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
