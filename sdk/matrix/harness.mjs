// What both runs of the matrix need: apps that have the packed tarball installed, their builds served, a browser to open them in.

import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Server } from "../tests/support.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const CHROME = process.env.CHROME ?? "/usr/bin/chromium";
// A page that is handed out by the test itself counts as one of the internet, which may not talk to this machine.
const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"];
const PATIENCE_MS = 30_000;
const INSTALL = ["install", "--no-audit", "--no-fund", "--prefer-offline"];

export const sdk = dirname(here);
/** What the pages of `app` end with as their title. */
export const SENT = "sent: The Cheshire Cat scene is my favourite!";

/** What a bundler without a page of its own gets. */
export const PAGE = `<!doctype html><title>waiting</title><link rel="icon" href="data:,"><body><script type="module" src="main.js"></script>`;

export function run(command, args, options) {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: "pipe", ...options });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  }
}

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A folder of apps, a server to talk to and a browser, which end together. */
export class Matrix {
  #ends = [];
  #browser;
  #tarball;

  static async start() {
    const matrix = new Matrix();
    try {
      await matrix.#prepare();
      return matrix;
    } catch (error) {
      await matrix.end();
      throw error;
    }
  }

  async #prepare() {
    this.folder = mkdtempSync(join(tmpdir(), "readrealm-matrix-"));
    this.onEnd(() => rmSync(this.folder, { recursive: true, force: true }));
    const packing = ["pack", "--json", "--pack-destination", this.folder];
    const [{ filename }] = Object.values(JSON.parse(run("npm", packing, { cwd: sdk })));
    this.#tarball = join(this.folder, filename);
    this.server = await Server.start();
    this.onEnd(() => this.server.stop());
    this.#browser = await chromium.launch({ executablePath: CHROME, args: ARGUMENTS });
    this.onEnd(() => this.#browser.close());
  }

  /** The app of this folder, with the tarball and these dependencies, as `name`. Resolves with where it is. */
  install(name, dependencies, source = "app") {
    const app = join(this.folder, name);
    cpSync(join(here, source), app, { recursive: true });
    const all = { ...dependencies, "readrealm-chat": `file:${this.#tarball}` };
    writeFileSync(join(app, "package.json"), JSON.stringify({ private: true, type: "module", dependencies: all }));
    run("npm", INSTALL, { cwd: app });
    return app;
  }

  /** Calls `end` with the tests' end. */
  onEnd(end) {
    this.#ends.push(end);
  }

  /** Ends everything, the last first. */
  async end() {
    for (const end of this.#ends.reverse()) await end();
  }

  /** Starts what ends with the tests. Resolves with what it has written once that fits. */
  spawn(command, args, ready, options) {
    // In a group of its own: what it starts ends with it.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, ...options });
    this.onEnd(() => process.kill(-child.pid, "SIGKILL"));
    return new Promise((resolve, reject) => {
      let said = "";
      const hear = (text) => {
        said += text;
        if (ready.test(said)) resolve(said);
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    });
  }

  /** The files of a build, as a server of this project serves them to pages with scripts in them: resolves with their origin. */
  async serve(directory) {
    const site = await Server.start("--static-dir", directory, "--content-security-policy", "");
    this.onEnd(() => site.stop());
    return site.url.replace("ws:", "http:").replace("/ws", "");
  }

  /** What the page at that address ends up with as its title; and what it complained of. With `csp`, under that policy. */
  async open(address, { csp, act = hasSpoken } = {}) {
    const page = await this.#browser.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    if (csp !== undefined) await page.route("**/*", (route) => underPolicy(route, csp));
    try {
      await page.goto(`${address}?chat=${encodeURIComponent(this.server.url)}`);
      await act(page);
      return { title: await page.title(), complaints };
    } finally {
      await page.close();
    }
  }
}

/** By its title, and without a script in the page, which a policy might forbid. */
async function hasSpoken(page) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(20)) if ((await page.title()) !== "waiting") return;
}

async function underPolicy(route, csp) {
  const response = await route.fetch();
  await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": csp } });
}
