// How the WebAssembly is had: over a network that fails, and not at all. Each in a process of its own, as it is loaded once.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

const wasm = readFileSync(fileURLToPath(import.meta.resolve("readrealm-chat/wasm")));
const HANGS = -1;
const BREAKS = -2;
/** What is answered next: a status, or nothing at all. */
const answers = [];
let asked = 0;
let url;

const http = createServer((request, response) => {
  asked += 1;
  const status = answers.shift() ?? 200;
  if (status === 0) return request.socket.destroy();
  if (status === HANGS) return;
  if (status === BREAKS) {
    response.writeHead(200, { "content-type": "application/wasm", "content-length": wasm.length });
    return response.write(wasm.subarray(0, 1_000), () => request.socket.destroy());
  }
  response.writeHead(status, { "content-type": "application/wasm" });
  response.end(status === 200 ? wasm : undefined);
});

before(async () => {
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${http.address().port}/chat.wasm`;
});
after(() => {
  http.closeAllConnections();
  http.close();
});

/** What a script of its own prints that uses the package. */
function run(script) {
  const whole = `import { ChatClient, ChatError, init } from "readrealm-chat"; ${script}`;
  return new Promise((resolve) => {
    const options = { cwd: fileURLToPath(new URL(".", import.meta.url)) };
    execFile(process.execPath, ["--input-type=module", "-e", whole], options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

const report = `console.log("loaded"), ({ code, cause }) => console.log(code, cause.message)`;

test("a network that fails and a server that cannot are tried again", async () => {
  answers.push(0, 503, 429, BREAKS);
  asked = 0;
  assert.equal(await run(`await init("${url}").then(() => ${report});`), "loaded\n");
  assert.equal(asked, 5);
});

test("a file that is not there is not, and the next who asks tries anew", async () => {
  answers.push(404);
  asked = 0;
  const twice = `await init("${url}").then(() => ${report}); await init(new URL("${url}")).then(() => ${report});`;
  assert.equal(await run(twice), `load_failed 404 ${url}\nloaded\n`);
  assert.equal(asked, 2);
});

test("a page that gives up does not wait for a load that hangs", async () => {
  answers.push(HANGS);
  const script = `globalThis.WebSocket ??= class {};
    init("${url}").catch(() => {});
    const begun = Date.now();
    await ChatClient.connect("ws://127.0.0.1:9/ws", { userId: "a", signal: AbortSignal.timeout(200) })
      .catch((error) => console.log(error.name, Date.now() - begun < 5_000));
    process.exit();`;
  assert.equal(await run(script), "TimeoutError true\n");
});

test("without a WebSocket it says so", async () => {
  const script = `delete globalThis.WebSocket;
    await ChatClient.connect("ws://127.0.0.1:9/ws", { userId: "a" })
      .catch((error) => console.log(error instanceof ChatError, error.code, error.message));`;
  assert.equal(await run(script), "true no_websocket the client is closed: no_websocket\n");
});
