// The real readrealm-server, with the built page or other files.

import { Process } from "./process.mjs";
import { builtPage, serverBinary } from "./needs.mjs";

export class Server {
  #store;
  #flags;
  #files;
  #listen = "127.0.0.1:0";
  #process;
  /** Whether it has been killed: from then on browsers log attempts that failed. */
  wasAway = false;

  static async start({ store = "memory:", flags = [], files = builtPage() } = {}) {
    const server = new Server();
    server.#store = store;
    server.#flags = flags;
    server.#files = files;
    await server.#run();
    return server;
  }

  get origin() {
    return `http://${this.#listen}`;
  }

  get log() {
    return this.#process.tail;
  }

  /** `kill -9`. Resolves when the process is gone. */
  async kill() {
    this.wasAway = true;
    await this.#process.end();
  }

  /** Starts it again: the same port, the same store. */
  async restart() {
    await this.kill();
    await this.#run();
  }

  async stop() {
    await this.#process.end();
  }

  async #run() {
    const args = ["--listen", this.#listen, "--store", this.#store, "--static-dir", this.#files, ...this.#flags];
    this.#process = await Process.start("the server", serverBinary(), args, /^listening on http:\/\/(.+)$/);
    this.#listen = this.#process.match[1];
  }
}
