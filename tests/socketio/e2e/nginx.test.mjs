// The nginx of docs/operate.md, word for word but for addresses and the certificate: nginx takes it, and both transports go through it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import WebSocket from "ws";
import { files, trust } from "../harness/certificate.mjs";
import { Phone, ways } from "../harness/phone.mjs";
import { Server } from "../harness/server.mjs";
import { until, within } from "../../browser/harness/until.mjs";

const MANUAL = new URL("../../../docs/operate.md", import.meta.url);

/** The block of the manual as a whole configuration before one server. */
function configuration(folder, port, server) {
  const [, block] = /```nginx\n([^]*?)```/.exec(readFileSync(MANUAL, "utf8"));
  const http = block
    .replaceAll(/server 10\.0\.0\.1:3000(.*?); server 10\.0\.0\.2:3000\1;/g, `server ${server}$1;`)
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
    .replace(/ssl_certificate \S+;/, `ssl_certificate ${files.cert};`)
    .replace(/ssl_certificate_key \S+;/, `ssl_certificate_key ${files.key};`);
  assert.ok(!http.includes("10.0.0.1:") && http.includes(files.key), http);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const paths = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  return `daemon off; pid ${folder}/pid; error_log stderr; events {}\nhttp { access_log off; ${paths}\n${http}}\n`;
}

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

const status = (origin, path) =>
  new Promise((resolve, reject) => {
    const asked = request(`${origin}${path}`, { ...trust, agent: false }, (answer) => resolve(answer.resume().statusCode));
    asked.once("error", reject).end();
  });

test("the example for nginx is taken by it, and serves both transports", { timeout: 120_000 }, async (context) => {
  const nginx = ["nginx", "/usr/sbin/nginx"].find((program) => spawnSync(program, ["-v"]).status === 0);
  if (!nginx) return context.skip("nginx is not installed");
  const folder = mkdtempSync(join(tmpdir(), "readrealm-nginx-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await Server.start({ flags: ["--trust-proxy", "127.0.0.1", "--allow-anonymous"] });
  context.after(() => server.stop());
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(folder, port, new URL(server.origin).host));

  const tested = spawnSync(nginx, ["-t", "-e", "stderr", "-c", file], { encoding: "utf8" });
  assert.equal(tested.status, 0, tested.stderr);

  const proxy = spawn(nginx, ["-e", "stderr", "-c", file], { stdio: "ignore" });
  context.after(() => proxy.kill("SIGTERM"));
  const origin = `https://127.0.0.1:${port}`;
  await until("nginx to serve", () => status(origin, "/healthz").catch(() => undefined), (code) => code === 200);
  for (const path of ["/metrics", "/admin/revocations"]) assert.equal(await status(origin, path), 404, path);

  const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, trust);
  context.after(() => socket.terminate());
  const heard = [];
  socket.on("message", (data) => heard.push(JSON.parse(data).event));
  await within("a WebSocket", new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject)));
  socket.send('{"event":"joinRoom","id":1,"data":{"bookId":7,"userId":"ann"}}');
  socket.send('{"event":"message","id":2,"data":{"bookId":7,"content":"through nginx"}}');
  await until("an answer", () => heard, (events) => events.includes("ack"));

  for (const way of ["websocket", "polling"]) {
    const phone = new Phone(origin, { transports: ways[way], ...trust });
    context.after(() => phone.close());
    const [previous] = await phone.join(7, `bob by ${way}`);
    assert.equal(previous.content, "through nginx");
  }
});
