// The real readrealm-server, and tokens it takes.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { serverBinary } from "../../browser/harness/needs.mjs";
import { Process } from "../../browser/harness/process.mjs";

const run = promisify(execFile);

export const SECRET = "a secret of tests, which is long enough";

export class Server {
  #process;
  /** `http://127.0.0.1:PORT`, or `https://` */
  origin;

  static async start({ store = "memory:", listen = "127.0.0.1:0", flags = [] } = {}) {
    const server = new Server();
    const args = ["--listen", listen, "--store", store, ...flags];
    server.#process = await Process.start("the server", serverBinary(), args, /^listening on (https?:\/\/.+)$/);
    server.origin = server.#process.match[1];
    return server;
  }

  /** The last lines it wrote. */
  get log() {
    return this.#process.tail;
  }

  /** SIGTERM: it drains. Resolves when it has ended. */
  drain() {
    return this.#process.end("SIGTERM");
  }

  stop() {
    return this.#process.end();
  }
}

/** A token for `sub`, signed by the server's own command. */
export async function token(sub, ...flags) {
  const env = { ...process.env, READREALM_AUTH_SECRET: SECRET };
  const { stdout } = await run(serverBinary(), ["token", "--sub", sub, ...flags], { env });
  return stdout.trim();
}
