// The nginx of docs/operate.md, word for word but for addresses and the certificate, before servers of a test.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../browser/harness/until.mjs";
import { files, trust } from "./certificate.mjs";

const MANUAL = new URL("../../../docs/operate.md", import.meta.url);

/** Debian has it where not everybody's PATH goes. Undefined where it is not installed. */
export const program = ["nginx", "/usr/sbin/nginx"].find((name) => spawnSync(name, ["-v"]).status === 0);

export class Nginx {
  /** `https://127.0.0.1:PORT`, to be asked with `trust`. */
  origin;
  #folder = mkdtempSync(join(tmpdir(), "readrealm-nginx-"));
  #proxy;

  /** Before servers, each as `HOST:PORT`. What `nginx -t` says of its configuration is an error where it is not all well. */
  static async start(...servers) {
    const nginx = new Nginx();
    const port = await freePort();
    const file = join(nginx.#folder, "nginx.conf");
    writeFileSync(file, configuration(nginx.#folder, port, servers));
    const tested = spawnSync(program, ["-t", "-e", "stderr", "-c", file], { encoding: "utf8" });
    assert.equal(tested.status, 0, tested.stderr);
    nginx.#proxy = spawn(program, ["-e", "stderr", "-c", file], { stdio: "ignore" });
    nginx.origin = `https://127.0.0.1:${port}`;
    await until("nginx to serve", () => nginx.status("/healthz").catch(() => undefined), 200);
    return nginx;
  }

  status(path) {
    return new Promise((resolve, reject) => {
      const asked = request(`${this.origin}${path}`, { ...trust, agent: false }, (answer) => resolve(answer.resume().statusCode));
      asked.once("error", reject).end();
    });
  }

  close() {
    this.#proxy?.kill("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The block of the manual as a whole configuration. */
function configuration(folder, port, servers) {
  const [, block] = /```nginx\n([^]*?)```/.exec(readFileSync(MANUAL, "utf8"));
  const http = block
    .replaceAll(/server 10\.0\.0\.1:3000(.*?); server 10\.0\.0\.2:3000\1;/g, (_, flags) => servers.map((server) => `server ${server}${flags};`).join(" "))
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
