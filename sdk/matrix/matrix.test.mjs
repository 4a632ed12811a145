// npm run matrix: the packed tarball in the bundlers people use, each result run in Chromium against the real server. It
// installs them all, so it is no part of `npm test`. Before it: npm run build:sdk, cargo build -p readrealm-server.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { ChatClient } from "readrealm-chat";
import { Server, until } from "../tests/support.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const CHROME = process.env.CHROME ?? "/usr/bin/chromium";
const SENT = "sent: The Cheshire Cat scene is my favourite!";
const BUNDLERS = {
  vite7: "npm:vite@^7",
  vite8: "npm:vite@^8",
  webpack: "^5",
  "webpack-cli": "*",
  esbuild: "*",
  next: "^16",
  react: "^19",
  "react-dom": "^19",
  vitest: "*",
  ws: "*",
};

/** What a bundler without a page of its own gets. */
const PAGE = `<!doctype html><title>waiting</title><link rel="icon" href="data:,"><script type="module" src="main.js"></script>`;

let root;
let app;
let server;
let browser;
const ends = [];

const bin = (name) => join(root, "node_modules/.bin", name);

function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { cwd: app, encoding: "utf8", stdio: "pipe", ...options });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  }
}

/** Ended with the tests. Resolves once what it writes fits. */
function start(command, args, ready, options) {
  // In a group of its own: what it starts ends with it.
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, ...options });
  ends.push(() => process.kill(-child.pid, "SIGKILL"));
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

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** What the page at that address ends up with as its title; and what it complained of. */
async function open(origin, act = (page) => page.waitForFunction(() => document.title !== "waiting")) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  try {
    await page.goto(`${origin}/?chat=${encodeURIComponent(server.url)}`);
    await act(page);
    return { title: await page.title(), complaints };
  } finally {
    await page.close();
  }
}

/** The files of a build, as a server of this project serves them. */
async function serve(directory) {
  const site = await Server.start("--static-dir", directory);
  ends.push(() => site.stop());
  return site.url.replace("ws:", "http:").replace("/ws", "");
}

before(async () => {
  root = mkdtempSync(join(tmpdir(), "readrealm-matrix-"));
  app = join(root, "app");
  cpSync(join(here, "app"), app, { recursive: true });
  cpSync(join(here, "next"), join(root, "next"), { recursive: true });
  const [{ filename }] = Object.values(
    JSON.parse(run("npm", ["pack", "--json", "--pack-destination", root], { cwd: dirname(here) })),
  );
  const dependencies = { ...BUNDLERS, "readrealm-chat": `file:${filename}` };
  writeFileSync(join(root, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }));
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"], { cwd: root });
  server = await Server.start();
  browser = await chromium.launch({ executablePath: CHROME, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  for (const end of ends) await end();
  await server?.stop();
  if (root) rmSync(root, { recursive: true, force: true });
});

for (const name of ["vite7", "vite8"]) {
  const vite = () => join(root, "node_modules", name, "bin/vite.js");

  test(`${name}: build`, async () => {
    const outDir = join(root, name);
    run(process.execPath, [vite(), "build", "--target", "es2022", "--outDir", outDir]);
    assert.deepEqual(await open(await serve(outDir)), { title: SENT, complaints: [] });
  });

  test(`${name}: dev server`, async () => {
    const args = ["--host", "127.0.0.1", "--port", String(await freePort()), "--strictPort"];
    const env = { ...process.env, NO_COLOR: "1" };
    const said = await start(process.execPath, [vite(), ...args], /Local:\s+\S+\n/, { cwd: app, env });
    const [, origin] = /Local:\s+(http\S+?)\/?\n/.exec(said);
    assert.deepEqual(await open(origin), { title: SENT, complaints: [] });
  });
}

test("webpack 5: build", async () => {
  const out = join(root, "webpack");
  run(bin("webpack"), ["./main.js", "--mode", "production", "--output-path", out]);
  writeFileSync(join(out, "index.html"), PAGE);
  assert.deepEqual(await open(await serve(out)), { title: SENT, complaints: [] });
});

test("esbuild with /inline: build", async () => {
  const out = join(root, "esbuild");
  run(bin("esbuild"), ["inline.js", "--bundle", "--minify", "--format=esm", `--outfile=${join(out, "main.js")}`]);
  writeFileSync(join(out, "index.html"), PAGE);
  assert.deepEqual(await open(await serve(out)), { title: SENT, complaints: [] });
});

test("no bundler: the files as they are", async () => {
  const out = join(root, "plain");
  mkdirSync(out);
  cpSync(join(root, "node_modules/readrealm-chat/dist"), join(out, "chat"), { recursive: true });
  cpSync(join(app, "talk.js"), join(out, "talk.js"));
  writeFileSync(join(out, "main.js"), readFileSync(join(app, "main.js"), "utf8").replace(`"readrealm-chat"`, `"./chat/index.js"`));
  cpSync(join(app, "index.html"), join(out, "index.html"));
  assert.deepEqual(await open(await serve(out)), { title: SENT, complaints: [] });
});

test("Vitest", () => {
  const said = run(bin("vitest"), ["run", "--root", app], { env: { ...process.env, CHAT: server.url, NO_COLOR: "1" } });
  assert.match(said, /1 passed/);
});

test("Next 16: build with a server component; hydrated as it is, and gone on from there", async () => {
  const bob = await ChatClient.connect(server.url, { userId: "bob" });
  ends.push(() => bob.close());
  const room = await bob.joinRoom(28520);
  const { content } = await room.send("rendered on the server");
  const next = join(root, "next");
  const env = { ...process.env, CHAT: server.url, NEXT_TELEMETRY_DISABLED: "1" };
  writeFileSync(join(next, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run(bin("next"), ["build"], { cwd: next, env });
  const port = await freePort();
  await start(bin("next"), ["start", "-p", String(port), "-H", "127.0.0.1"], /Ready/, { cwd: next, env });
  const html = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.ok(html.includes(`>${content}</li>`), html);
  const { complaints } = await open(`http://127.0.0.1:${port}`, async (page) => {
    await page.locator("main[data-status=joined]").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("li[data-status=sent]", { hasText: "from the page" }).waitFor();
  });
  assert.deepEqual(complaints, []);
  await until(() => room.messages[0].content === "from the page");
});
