// What the libraries of phones send, as their sources have it: their handshakes, and their packets up to the first answer.
//
// They are read and not run here: socket.io-client-swift 16.1 (on Starscream 4), engine.io-client-java 2 and socket.io-client-java
// 2 (on OkHttp), socket_io_client 3 for Dart (on dart:io). Those of JavaScript are run, in unchanged.test.mjs.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { Polling } from "../harness/polling.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const JOIN = '42["joinRoom",{"bookId":"7","userId":"u1","username":"alice"}]';

/** Each way with its query, its headers, and what it writes to be let in. */
const sockets = {
  // Starscream names the URL that it asks as the origin, and always the port in `Host`. Packets name the namespace.
  "Swift, forceWebsockets": { query: "transport=websocket&EIO=4", origin: "ws://HOST", connect: "40/," },
  "Swift, forceWebsockets, behind a proxy that ends TLS": {
    query: "transport=websocket&EIO=4",
    headers: { host: "chat.example:443" },
    flags: ["--allow-anonymous"],
    origin: "wss://chat.example",
    connect: '40/,{"token":"none is needed"}',
  },
  "Swift, version 2": { query: "transport=websocket&EIO=3", origin: "ws://HOST", connect: null },
  Java: {
    query: "EIO=4&transport=websocket",
    headers: { "accept-encoding": "gzip", "user-agent": "okhttp/3.12.12", "sec-websocket-extensions": "permessage-deflate" },
    connect: "40",
  },
  Dart: {
    query: "EIO=4&transport=websocket",
    headers: {
      "user-agent": "Dart/3.5 (dart:io)",
      "cache-control": "no-cache",
      "accept-encoding": "gzip",
      "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
    },
    connect: "40",
  },
  "Dart, with auth": { query: "EIO=4&transport=websocket&t=mb1x", connect: '40{"token":"none is needed"}' },
};

for (const [client, { query, headers = {}, flags, origin, connect }] of Object.entries(sockets)) {
  story(`${client}: a WebSocket`, async (stage) => {
    const server = await stage.server({ flags });
    const named = origin?.replace("HOST", new URL(server.origin).host);
    const socket = await opened(`${server.origin.replace("http", "ws")}/socket.io/?${query}`, { headers, origin: named });
    if (connect !== null) socket.send(connect);
    await socket.hears(/^40/);
    socket.send(JOIN);
    await socket.hears(/^42\["previousMessages",\[\]\]$/);
    socket.close();
  });
}

const pollings = {
  Swift: { query: "transport=polling&b64=1&EIO=4", type: "text/plain; charset=UTF-8", connect: "40/,", origin: "ws://HOST", after: "6" },
  Java: { query: "EIO=4", type: "text/plain;charset=UTF-8", headers: { accept: "*/*", "user-agent": "okhttp/3.12.12" }, connect: "40" },
};

for (const [client, { query, type, headers, connect, origin, after }] of Object.entries(pollings)) {
  story(`${client}: long-polling, and the WebSocket that takes over`, async (stage) => {
    const server = await stage.server();
    const polling = await Polling.open(server, [], { query, headers });
    assert.equal(await polling.post([connect, JOIN], type), 200);
    const told = [];
    while (told.length < 3) told.push(...(await polling.get()).packets);
    assert.match(told[0], /^40/);
    assert.equal(told[1], '42["previousMessages",[]]');

    const pending = polling.get();
    const url = polling.url.replace("http", "ws").replace("transport=polling", `transport=websocket&sid=${polling.sid}`);
    const socket = await opened(url, { origin: origin?.replace("HOST", new URL(server.origin).host) });
    socket.send("2probe");
    await socket.hears(/^3probe$/);
    assert.deepEqual((await pending).packets, ["6"]);
    socket.send("5");
    // Swift sends what it had for long-polling where a request was under way: a packet that says nothing.
    if (after !== undefined) socket.send(after);
    socket.send('420["chatMessage",{"bookId":"7","userId":"u1","username":"alice","content":"over"}]');
    await socket.hears(/^430\[/);
    assert.equal(socket.readyState, WebSocket.OPEN);
    socket.close();
  });
}

async function opened(url, options) {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
  const heard = [];
  socket.on("message", (text) => heard.push(String(text)));
  socket.hears = (packet) => until(`${packet} is heard; there was ${heard}`, () => heard.some((text) => packet.test(text)), true);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}
