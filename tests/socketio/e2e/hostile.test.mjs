// Bad input is answered or refused, nothing dies, and nobody else notices.

import assert from "node:assert/strict";
import { counted } from "../harness/metrics.mjs";
import { ways } from "../harness/phone.mjs";
import { SECRET } from "../harness/server.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const JOIN = '42["joinRoom",{"bookId":1,"userId":"u1"}]';

/** Somebody else talks in the room all the while. */
async function witness(stage, server) {
  const phone = stage.phone(server);
  await phone.join(1, "witness");
  return async () => {
    const content = `still here ${phone.all("newMessage").length}`;
    await phone.ask("chatMessage", { bookId: 1, content });
    await phone.hears("newMessage", (message) => message.content === content);
    assert.deepEqual([phone.connects, phone.ends, phone.all("exception")], [1, [], []]);
  };
}

story("wrong types and unknown events are answered with what is wrong", async (stage) => {
  const server = await stage.server();
  const well = await witness(stage, server);
  const phone = stage.phone(server);
  const wrong = [
    ["joinRoom", undefined, /^joinRoom: .*bookId/],
    ["joinRoom", null, /^joinRoom: .*bookId/],
    ["joinRoom", [], /^joinRoom: data must be an object$/],
    ["joinRoom", 28520, /^joinRoom: data must be an object$/],
    ["joinRoom", {}, /^joinRoom: .*bookId/],
    ["joinRoom", { bookId: 1 }, /^joinRoom: userId is needed/],
    ["joinRoom", { bookId: 1, userId: "" }, /^joinRoom: userId must be/],
    ["joinRoom", { bookId: 1, userId: { $ne: null } }, /^joinRoom: .*userId must be/],
    ["joinRoom", { bookId: 1, userId: "u", username: "x".repeat(65) }, /^joinRoom: username must be/],
    ...["", " ", "abc", "-1", "+1", "1e3", "0x10", "9007199254740992", "1.5", -1, 1.5, 1e300, true, null, [1], { a: 1 }].map((bookId) => [
      "chatMessage",
      { bookId, userId: "u1", username: "u", content: "x" },
      /^chatMessage: .*bookId must be an integer/,
    ]),
    ["chatMessage", { bookId: 1, userId: "u1" }, /^chatMessage: .*content/],
    ["chatMessage", { bookId: 1, userId: "u1", content: 5 }, /^chatMessage: .*content must be/],
    ["chatMessage", { bookId: 1, userId: "u1", content: "x".repeat(4_001) }, /^chatMessage: content must be/],
    ["chatMessage", { bookId: 1, userId: "u\u0000", content: "x" }, /^chatMessage: userId must be/],
    ["chatMessage", { bookId: 1, content: "x" }, /^joinRoom: userId is needed/],
    ["leaveRoom", { bookId: 2 }, /^join the room of book 2 first$/],
    ["authenticate", { token: "x" }, /^authentication is off/],
    ["newMessage", { bookId: 1 }, /^there is no event "newMessage"$/],
    ["", {}, /^there is no event ""$/],
    ["x".repeat(1_000), {}, /^there is no event "x{32}"$/],
    ["joinRoom\n", {}, /^there is no event/],
  ];
  for (const [event, data, message] of wrong) {
    phone.heard = [];
    phone.emit(event, data);
    const { status, ...exception } = await phone.hears("exception");
    assert.equal(status, "error");
    assert.match(exception.message, message, `${event} ${JSON.stringify(data)}`);
    assert.ok(exception.cause.pattern.length <= 32);
  }
  assert.deepEqual([phone.connects, phone.ends], [1, []]);
  await well();
});

story("events that do not exist are told so once each, and then overlooked as they are today", async (stage) => {
  const server = await stage.server();
  const phone = stage.phone(server);
  await phone.join(1, "u1");
  for (let n = 0; n < 300; n++) phone.emit("sendAudio", { audio: "x".repeat(1_000) });
  for (let n = 0; n < 300; n++) phone.emit(`voice${n}`, {});
  phone.emit("chatMessage", { bookId: 1, content: "still served" });
  await phone.hearsMessages(1);
  const told = phone.all("exception").map(({ code, cause }) => [code, cause.pattern]);
  const patterns = ["sendAudio", ...Array.from({ length: 31 }, (_, n) => `voice${n}`)];
  assert.deepEqual(told, patterns.map((pattern) => ["unknown_event", pattern]));
});

story("what is no packet of Socket.IO is answered, and too much of it ends the connection", async (stage) => {
  const server = await stage.server();
  const well = await witness(stage, server);
  const client = await stage.engine(server, [JOIN]);
  const bad = [
    "4", "42", "42[", "42[]", "42{}", "42[5]", "42null", '42["joinRoom"', "42[null,{}]", "4299999999999999999999[\"a\"]", "47", "49[]",
    "4é", '431["nobody asked"]', "43", "43x", "40", '40{"again":true}', '44{"message":"no"}', '42/elsewhere,["joinRoom",{}]', "41/elsewhere,",
    `42["joinRoom",${"[".repeat(200)}${"]".repeat(200)}]`, '42["joinRoom",{"bookId":1,"userId":"u1"}]trailing',
  ];
  for (const packet of bad) client.send(packet);
  const exceptions = await client.exceptions(bad.length);
  assert.ok(exceptions.every(({ code, status }) => code === "malformed_frame" && status === "error"));
  client.emit("chatMessage", { bookId: 1, content: "still served" });
  await client.hears((packet) => packet.startsWith('42["newMessage"') && packet.includes("still served"));

  for (let n = 0; n < 100; n++) client.send("42[");
  await until("it is ended", () => client.closed, true);
  const last = client.all("exception").at(-1);
  assert.equal(last.message, "too many malformed frames");
  assert.ok(client.packets.includes("41"), "and told to stay away");
  await well();
});

story("a namespace that does not exist is refused, before and after", async (stage) => {
  const server = await stage.server();
  const admin = stage.phone({ origin: `${server.origin}/admin` });
  await until("it is refused", () => admin.refusals.length, 1);
  assert.equal(admin.refusals[0].message, "Invalid namespace");
  const old = stage.phone({ origin: `${server.origin}/admin` }, { version: 2 });
  await until("version 2 is refused", () => old.refusals, ["Invalid namespace"]);
  const client = await stage.engine(server);
  client.send("40/elsewhere,{}");
  await client.hears((packet) => packet === '44/elsewhere,{"message":"Invalid namespace"}');
  for (let n = 0; n < 120; n++) client.send("40/elsewhere,");
  await until("one that goes on is ended", () => client.closed, true);
});

story("a packet of 3 MB ends its connection, by WebSocket and by polling", async (stage) => {
  const server = await stage.server();
  const well = await witness(stage, server);
  for (const transports of [ways.websocket, ways.polling]) {
    const phone = stage.phone(server, { transports, reconnection: false });
    await phone.join(1, "u1");
    phone.emit("chatMessage", { bookId: 1, userId: "u1", username: "u1", content: "x".repeat(3_000_000) });
    await until("it is ended", () => phone.ends.length, 1);
    await well();
  }
  const packet = (bytes) => {
    const bare = '42["chatMessage",{"bookId":1,"content":"at the bound","extra":""}]';
    return bare.replace('""', `"${"y".repeat(bytes - bare.length)}"`);
  };
  const url = `${server.origin}/socket.io/?EIO=4&transport=polling`;
  for (const bytes of [65_536, 65_537]) {
    assert.equal(packet(bytes).length, bytes);
    const client = await stage.engine(server, [JOIN]);
    client.send(packet(bytes));
    const [sid] = /(?<="sid":")[^"]+/.exec(await (await fetch(url)).text());
    const post = async (body) => (await fetch(`${url}&sid=${sid}`, { method: "POST", body })).status;
    assert.equal(await post("40"), 200);
    if (bytes === 65_536) {
      await client.hears((heard) => heard.startsWith('42["newMessage"') && heard.includes("at the bound"));
      assert.equal(await post(packet(bytes)), 200);
    } else {
      await until("it is ended", () => client.closed, true);
      assert.equal(await post(packet(bytes)), 413);
    }
    await well();
  }
});

story("binary attachments are answered, and those nobody announced, too", async (stage) => {
  const server = await stage.server();
  const well = await witness(stage, server);
  for (const [version, transports] of [[4, ways.websocket], [4, ways.polling], [2, ways.websocket], [2, ways.polling]]) {
    const phone = stage.phone(server, { version, transports });
    await phone.join(1, "u1");
    phone.emit("chatMessage", { bookId: 1, content: Buffer.from("words"), more: [Buffer.alloc(10), Buffer.alloc(20)] });
    const exception = await phone.hears("exception");
    assert.equal(exception.message, "events have no attachments");
    assert.ok("messageId" in (await phone.ask("chatMessage", { bookId: 1, content: "without" })));
    assert.equal(phone.all("exception").length, 1);
  }
  const client = await stage.engine(server, [JOIN]);
  client.send(Buffer.alloc(1_000));
  assert.equal((await client.exceptions(1))[0].message, "no attachment was announced");
  client.send('4599999-["joinRoom",{"_placeholder":true,"num":0}]');
  client.send(Buffer.alloc(1_000));
  await client.exceptions(2);
  for (let n = 0; n < 9; n++) client.send(Buffer.alloc(1_000));
  client.emit("chatMessage", { bookId: 1, content: "still served" });
  await client.hears((packet) => packet.startsWith('42["newMessage"') && packet.includes("still served"));
  assert.equal(client.all("exception").length, 2, "what was announced is passed over");
  for (let n = 0; n < 200; n++) client.send(Buffer.alloc(1_000));
  await until("one that goes on and on is ended", () => client.closed, true);
  assert.equal(client.all("exception").at(-1).message, "too many malformed frames");
  await well();
});

/** How those end who are not let in, and how that is counted. `late` is why one ends who says nothing. */
async function letGo(stage, flags, late) {
  const server = await stage.server({ flags: ["--handshake-timeout", "2s", ...flags] });
  const wrong = ["42[\"joinRoom\",{}]", "4nonsense", "41", "43[]"];
  for (const first of wrong) {
    const client = await stage.stranger(server, [first]);
    await until(`${first} first: it is let go`, () => client.closed, true);
  }
  const from = Date.now();
  const mute = await stage.stranger(server);
  await until("who says nothing is let go", () => mute.closed, true);
  assert.ok(Date.now() - from > 1_500);
  const expected = { client: 0, unauthorized: 0, bad_protocol: wrong.length };
  expected[late]++;
  for (const [reason, count] of Object.entries(expected)) assert.equal(await ended(server, reason), count, reason);
  const gone = await stage.stranger(server);
  gone.close();
  await until("who goes is counted so", () => ended(server, "client"), 1);
  return server;
}

const ended = (server, reason) => counted(server, `readrealm_connections_closed_total{reason="${reason}"}`);

story("who does not ask to be let in, or asks wrong, is let go", async (stage) => {
  const server = await letGo(stage, [], "bad_protocol");
  assert.equal(await counted(server, 'readrealm_auth_refusals_total{reason="missing"}'), 0);
});

story("who does not ask to be let in, or asks wrong, is let go with a key too", async (stage) => {
  const server = await letGo(stage, ["--auth-secret", SECRET], "unauthorized");
  const missing = () => counted(server, 'readrealm_auth_refusals_total{reason="missing"}');
  assert.equal(await missing(), 1);
  // A refusal counts once, however long its client stays.
  const refused = await stage.stranger(server, ["40"]);
  await refused.hears((packet) => packet.startsWith("44"));
  await until("who was refused and stays is let go", () => refused.closed, true);
  assert.deepEqual([await missing(), await ended(server, "unauthorized")], [2, 2]);
  // One of version 2 is told at once.
  const old = await stage.stranger(server, [], "EIO=3");
  await until("one of version 2 is let go", () => old.closed, true);
  assert.deepEqual([await missing(), await ended(server, "unauthorized")], [3, 3]);
});

story("who is refused without end is answered at a pace, and what waits for it is bounded", async (stage) => {
  const server = await stage.server();
  const well = await witness(stage, server);
  const client = await stage.engine(server, [JOIN]);
  const from = Date.now();
  for (let n = 0; n < 500; n++) client.emit("leaveRoom", { bookId: 2 });
  client.emit("chatMessage", { bookId: 1, content: "still served" });
  await client.hears((packet) => packet.startsWith('42["newMessage"') && packet.includes("still served"));
  assert.equal(client.all("exception").length, 500);
  // 200 at once, and 100 a second.
  assert.ok(Date.now() - from > 2_500, `${Date.now() - from} ms`);
  for (let n = 0; n < 20_000; n++) client.emit("leaveRoom", { bookId: 2 });
  await until("it is let go", () => client.closed, true);
  assert.equal(client.all("exception").at(-1).code, "rate_limited");
  await well();
});

story("who sends more than can be served is let go", async (stage) => {
  const server = await stage.server({ flags: ["--message-burst", "1000000", "--messages-per-second", "1000000", "--user-messages-per-second", "0"] });
  const well = await witness(stage, server);
  const client = await stage.engine(server, [JOIN]);
  // While older messages are read, nothing else of this client is served.
  for (let n = 0; n < 200; n++) client.emit("chatMessage", { bookId: 1, content: "x".repeat(4_000) });
  await until("its messages stand", async () => client.all("newMessage").length, 200);
  for (let n = 0; n < 20_000 && !client.closed; n++) client.emit("loadPrevious", { bookId: 1, before: 200, limit: 100 });
  await until("it is let go", () => client.closed, true);
  await well();
});

/** The same numbers in every run: mulberry32. */
function chance(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const PIECES = [
  "4", "40", "41", "42", "43", "45", "46", "2", "3", "5", "6", "b4", "bAQI=", "2probe", "0", "1", "-", "/", ",", "[", "]", "{", "}", ":", "\"", "\\", "é", "😺",
  "\u001e", "\u0000", "\u00ff", "joinRoom", '["joinRoom",{"bookId":1,"userId":"u"}]', "1:4", "99999999999999999999:", "-1:", "9:42[\"a\"]", "12:40/x,",
];

for (const version of [4, 3]) {
  story(`payloads that no client sends by polling are refused, Engine.IO ${version}`, async (stage) => {
    const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
    const well = await witness(stage, server);
    const next = chance(version);
    const url = `${server.origin}/socket.io/?EIO=${version}&transport=polling`;
    let taken = 0;
    for (let n = 0; n < 400; n++) {
      const [sid] = /(?<="sid":")[^"]+/.exec(await (await fetch(url)).text());
      const text = Array.from({ length: 1 + next(6) }, () => PIECES[next(PIECES.length)]).join("");
      const bytes = Buffer.from(text);
      if (next(2)) bytes[next(bytes.length)] = next(256);
      const headers = { "content-type": next(2) ? "application/octet-stream" : "text/plain;charset=UTF-8" };
      const { status } = await fetch(`${url}&sid=${sid}`, { method: "POST", headers, body: bytes });
      assert.ok([200, 400, 413].includes(status), `${status} for ${JSON.stringify(text)}`);
      if (status === 200) taken++;
    }
    assert.ok(taken > 20, `${taken} were read`);
    assert.doesNotMatch(server.log, /panicked/);
    await well();
  });
}

story("frames that no client sends by WebSocket are answered or refused", async (stage) => {
  const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
  const well = await witness(stage, server);
  const next = chance(5);
  const text = () => Array.from({ length: 1 + next(6) }, () => PIECES[next(PIECES.length)]).join("");
  for (let n = 0; n < 10; n++) {
    const strangers = Array.from({ length: 30 }, async () => {
      const first = next(4) ? ["40", text(), text()] : [text()];
      const client = await stage.stranger(server, first, `EIO=${3 + next(2)}`);
      client.send(Buffer.from(text()));
      client.close();
    });
    await Promise.all(strangers);
  }
  assert.doesNotMatch(server.log, /panicked/);
  await well();
});
