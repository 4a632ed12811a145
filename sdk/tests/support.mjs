// What the tests need: real servers, and a WebSocket where Node has none of its own.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";

globalThis.WebSocket ??= WebSocket;

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const binary = process.env.READREALM_SERVER ?? join(repository, "target/debug/readrealm-server");

/** A server on a store of its own, that can be killed and started again at the same address. */
export class Server {
  static async start(...flags) {
    if (!existsSync(binary)) throw new Error(`there is no server at ${binary}: cargo build -p readrealm-server`);
    const server = new Server(flags);
    await server.run();
    return server;
  }

  constructor(flags) {
    this.directory = mkdtempSync(join(tmpdir(), "readrealm-sdk-"));
    this.flags = flags;
    this.port = 0;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  async run() {
    const store = process.env.STORE ?? `sqlite:${join(this.directory, "log.db")}`;
    const args = ["--store", store, "--listen", `127.0.0.1:${this.port}`, ...this.flags];
    this.child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.said += text));
    const line = await new Promise((resolve, reject) => {
      this.child.stdout.setEncoding("utf8").once("data", resolve);
      this.child.once("error", reject);
      this.child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${this.said}`)));
    });
    this.port = Number(/:(\d+)\s/.exec(line)[1]);
  }

  /** Ends the process; SIGKILL unless another signal is named. */
  async kill(signal = "SIGKILL") {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill(signal);
    await gone;
  }

  async stop() {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What a page's `localStorage` is, for a test to look into. */
export class MemoryStorage {
  items = new Map();
  get length() {
    return this.items.size;
  }
  key(index) {
    return [...this.items.keys()][index] ?? null;
  }
  getItem(name) {
    return this.items.get(name) ?? null;
  }
  setItem(name, text) {
    this.items.set(name, text);
  }
  removeItem(name) {
    this.items.delete(name);
  }
}

/**
 * Every WebSocket from now on, and the frames they send and get. What comes on one that is set `deaf` is lost, as on a connection
 * that died without a word.
 */
export function tapSockets() {
  const tap = { frames: [], heard: [], sockets: [], onSend: () => {} };
  globalThis.WebSocket = class extends globalThis.WebSocket {
    deaf = false;
    constructor(...args) {
      super(...args);
      tap.sockets.push(this);
      this.addEventListener("message", ({ data }) => tap.heard.push(JSON.parse(data)));
    }
    send(text) {
      const frame = JSON.parse(text);
      tap.frames.push(frame);
      tap.onSend(frame, this);
      super.send(text);
    }
    set onmessage(hear) {
      super.onmessage = hear && ((event) => this.deaf || hear(event));
    }
  };
  tap.sent = (event) => tap.frames.filter((frame) => frame.event === event);
  return tap;
}

/** Resolves with what `check` returns once that is something true. */
export function until(check, timeout = 10_000) {
  const end = Date.now() + timeout;
  return new Promise((resolve, reject) => {
    const look = () => {
      const value = check();
      if (value) resolve(value);
      else if (Date.now() > end) reject(new Error(`not within ${timeout} ms: ${check}`));
      else setTimeout(look, 5);
    };
    look();
  });
}
