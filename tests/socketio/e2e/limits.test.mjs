// Limits, on this transport as on the other.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const handshake = (server, headers = {}, query = "EIO=4&transport=polling") =>
  fetch(`${server.origin}/socket.io/?${query}`, { headers });

story("who talks or joins too fast is told when to try again", async (stage) => {
  const flags = ["--messages-per-second", "1", "--message-burst", "2", "--joins-per-second", "1", "--join-burst", "2"];
  const server = await stage.server({ flags });
  const phone = stage.phone(server);
  for (const bookId of [1, 2, 3]) phone.emit("joinRoom", { bookId, userId: "u1" });
  const joins = await phone.hears("exception");
  assert.deepEqual([joins.code, joins.cause.pattern], ["rate_limited", "joinRoom"]);
  assert.ok(joins.retryAfterMs > 0 && joins.retryAfterMs <= 1_001, joins.retryAfterMs);
  for (const content of ["1", "2", "3"]) phone.emit("chatMessage", { bookId: 1, content });
  const sends = await phone.hears("exception", ({ cause }) => cause.pattern === "chatMessage");
  assert.ok(sends.retryAfterMs > 0 && sends.retryAfterMs <= 1_001, sends.retryAfterMs);
  assert.deepEqual(await phone.hearsMessages(2), ["1", "2"]);
});

story("a user's budget is one over phones and browsers, also under the name a message gives", async (stage) => {
  const server = await stage.server({ flags: ["--user-messages-per-second", "3", "--message-burst", "3"] });
  const phone = stage.phone(server);
  await phone.join(1, "u1");
  const browser = await stage.browser(server);
  await browser.ask("joinRoom", { bookId: 1, userId: "u2" });
  for (let n = 0; n < 3; n++) phone.emit("chatMessage", { bookId: 1, userId: "u2", username: "two", content: `${n}` });
  await phone.hearsMessages(3);
  assert.equal((await browser.ask("message", { bookId: 1, content: "too much" })).data.code, "rate_limited");
});

story("a page of another origin is refused at the handshake, and one that may can read the answer", async (stage) => {
  const server = await stage.server({ flags: ["--allow-origin", "https://books.example"] });
  const refused = await handshake(server, { origin: "https://evil.example" });
  assert.equal(refused.status, 403);
  assert.match((await refused.json()).message, /--allow-origin/);
  assert.equal(refused.headers.get("access-control-allow-origin"), null);
  const allowed = await handshake(server, { origin: "https://books.example" });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get("access-control-allow-origin"), "https://books.example");
  assert.equal(allowed.headers.get("access-control-allow-credentials"), "true");
  assert.equal(allowed.headers.get("access-control-expose-headers"), "retry-after, x-request-id");
  assert.equal((await handshake(server)).status, 200, "a phone names none");
  const asked = await fetch(`${server.origin}/socket.io/?EIO=4&transport=polling`, {
    method: "OPTIONS",
    headers: { origin: "https://books.example", "access-control-request-method": "POST" },
  });
  assert.equal(asked.status, 204);
  const status = await new Promise((resolve) => {
    const url = `${server.origin.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const socket = new WebSocket(url, { origin: "https://evil.example" });
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
    socket.on("error", () => {});
  });
  assert.equal(status, 403);
});

story("connections are counted with those of browsers, and their places come free", async (stage) => {
  // Long-polling also takes plain connections, which are counted by themselves.
  const server = await stage.server({ flags: ["--max-connections-per-address", "8"] });
  await stage.browser(server);
  const phones = Array.from({ length: 7 }, (_, n) => stage.phone(server, { transports: n < 6 ? ways.websocket : ways.polling }));
  for (const phone of phones) await phone.join(1, "u1");
  const full = await handshake(server);
  assert.equal(full.status, 429);
  assert.equal(full.headers.get("retry-after"), "10");
  phones.forEach((phone) => phone.close());
  await until("a place is free", async () => (await handshake(server)).status, 200);

  const small = await stage.server({ flags: ["--max-connections", "1"] });
  await stage.browser(small);
  assert.equal((await handshake(small)).status, 503);
});

story("sessions of an address that come too fast are refused, and others are not", async (stage) => {
  const server = await stage.server({ flags: ["--new-connections-per-second", "1", "--max-connections-per-address", "20", "--trust-proxy", "127.0.0.1"] });
  const of = (address) => handshake(server, { "x-forwarded-for": address });
  const begun = Date.now();
  let taken = 0;
  let refused;
  while ((refused = await of("203.0.113.1")).status === 200) {
    assert.ok(++taken < 200);
    const { sid } = JSON.parse((await refused.text()).slice(1));
    // It closes: what is counted here is how many come, not how many are open.
    await fetch(`${server.origin}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: "POST", body: "1" });
  }
  assert.ok(taken >= 60 && taken <= 61 + (Date.now() - begun) / 1_000, `${taken} were taken`);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.match((await refused.json()).message, /too fast/);
  assert.equal((await of("203.0.113.2")).status, 200);
});

story("a connection may be in 64 rooms", async (stage) => {
  const server = await stage.server();
  const phone = stage.phone(server);
  for (let bookId = 1; bookId <= 65; bookId++) phone.emit("joinRoom", { bookId, userId: "u1" });
  assert.equal((await phone.hears("exception")).code, "too_many_rooms");
  await until("it is in the others", () => phone.all("previousMessages").length, 64);
});

story("a handshake of an unknown protocol is refused with the reason", async (stage) => {
  const server = await stage.server();
  for (const query of ["EIO=2&transport=polling", "transport=polling", "EIO=4.1&transport=websocket"]) {
    const refused = await handshake(server, {}, query);
    assert.equal(refused.status, 400);
    const { code, message } = await refused.json();
    assert.equal(code, 5);
    assert.match(message, /^Unsupported protocol version: this server speaks Engine\.IO 4 and 3/);
  }
  for (const query of ["EIO=4", "EIO=4&transport=pigeon", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", "EIO=4&transport=websocket"]) {
    assert.equal((await handshake(server, {}, query)).status, 400, query);
  }
});

story("a silent client is let go, and one that answers pings is not", async (stage) => {
  const server = await stage.server({ flags: ["--ping-interval", "500ms", "--idle-timeout", "2s"] });
  const phones = Object.values(ways).map((transports) => stage.phone(server, { transports }));
  for (const [n, phone] of phones.entries()) await phone.join(1, `u${n}`);
  const silent = await stage.engine(server, ['42["joinRoom",{"bookId":1,"userId":"silent"}]']);
  await silent.hears((packet) => packet.startsWith('42["previousMessages"'));
  silent.socket.removeAllListeners("message");
  const from = Date.now();
  await until("it is let go", () => silent.closed, true);
  assert.ok(Date.now() - from < 5_000);
  await phones[0].hears("userLeft", ({ userId }) => userId === "silent");
  for (const phone of phones) assert.deepEqual([phone.connects, phone.ends], [1, []]);
});
