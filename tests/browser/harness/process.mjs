// Programs that a test starts. None outlives it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { within } from "./until.mjs";

const TAIL_LINES = 40;
const running = new Set();

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** A program that has printed its first line on stdout which matches `ready`: `match` is that match. */
export class Process {
  #child;
  #tail = [];

  static async start(name, program, args, ready) {
    const started = new Process();
    started.match = await started.#run(name, program, args, ready);
    return started;
  }

  /** The last lines it has written. */
  get tail() {
    return this.#tail.join("\n");
  }

  /** SIGKILL, or another signal. Resolves when the process is gone. */
  async end(signal = "SIGKILL") {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await within(`process ${child.pid} to end after ${signal}`, gone);
  }

  async #run(name, program, args, ready) {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    const first = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        reject(new Error(`${name} ended with ${code ?? signal} before it was ready:\n${this.tail}`));
      });
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.#keep(line);
        const match = ready.exec(line);
        if (match) resolve(match);
      });
      createInterface({ input: child.stderr }).on("line", (line) => this.#keep(line));
    });
    try {
      return await within(`${name} to be ready`, first);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  #keep(line) {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }
}
