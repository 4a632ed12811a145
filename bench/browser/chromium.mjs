// Chromium over its own protocol. A test driver in between listens to every frame that a page receives, on the very thread
// that is measured.

import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { chrome } from "../../tests/browser/harness/needs.mjs";
import { until, within } from "../../tests/browser/harness/until.mjs";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];
const PATIENCE_MS = 60_000;
const CLOSING_MS = 10_000;

export class Chromium {
  #child;
  #socket;
  #profile = mkdtempSync(join(tmpdir(), "readrealm-bench-"));
  #last = 0;
  #waiting = new Map();

  static async start() {
    const browser = new Chromium();
    try {
      await browser.#run();
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  async #run() {
    this.#child = spawn(chrome(), [...ARGUMENTS, `--user-data-dir=${this.#profile}`], { stdio: ["ignore", "ignore", "pipe"] });
    const address = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("exit", () => reject(new Error("Chromium ended before it was ready")));
      createInterface({ input: this.#child.stderr }).on("line", (line) => {
        const match = /DevTools listening on (ws:\S+)/.exec(line);
        if (match) resolve(match[1]);
      });
    });
    this.#socket = new WebSocket(await within("Chromium to start", address));
    this.#socket.on("message", (text) => {
      const { id, result, error } = JSON.parse(text);
      const answer = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result);
    });
    this.#socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium is gone"));
    });
    await within("Chromium to answer", new Promise((resolve, reject) => this.#socket.on("open", resolve).on("error", reject)));
  }

  send(method, params = {}, sessionId) {
    const id = ++this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return within(`Chromium's ${method}`, answer, PATIENCE_MS);
  }

  async open(url) {
    const { targetId } = await this.send("Target.createTarget", { url });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page((method, params) => this.send(method, params, sessionId), () => this.send("Target.closeTarget", { targetId }));
    await until(`${url} is loaded`, () => page.evaluate("typeof window.entered"), "object");
    await page.evaluate("entered");
    return page;
  }

  async close() {
    // Asked, so that its other processes end with it and leave the profile alone; ended, where it does not answer.
    if (this.#socket?.readyState === WebSocket.OPEN) this.send("Browser.close").catch(() => {});
    const gone = new Promise((resolve) => {
      if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) resolve();
      else this.#child.once("exit", resolve);
    });
    await within("Chromium to end", gone, CLOSING_MS).catch(() => this.#child.kill("SIGKILL"));
    await gone;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

class Page {
  #send;

  constructor(send, close) {
    this.#send = send;
    this.close = close;
  }

  /** The value of an expression, of a promise the value it resolves with. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Microseconds that the main thread has worked so far: processor time, not the clock's, so that other programs hardly count. */
  async work() {
    const { metrics } = await this.#send("Performance.getMetrics");
    const micros = (name) => metrics.find((metric) => metric.name === name).value * 1e6;
    return { task: micros("TaskDuration"), script: micros("ScriptDuration") };
  }

  async prepare() {
    await this.#send("Performance.enable", { timeDomain: "threadTicks" });
    await this.#send("HeapProfiler.collectGarbage");
  }
}
