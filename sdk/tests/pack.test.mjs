// The packed tarball, as somebody gets it who installs it: in Node, in a fresh Vite app, and before the packaging linters.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const sdk = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = createRequire(import.meta.url)("vite/package.json");

/** KB (1,000 bytes) of gzip that a page may download for the chat: the WebAssembly, its glue and the facade. */
const SIZE_MAX = 45;

let app;
let tarball;
let packed;

function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, { cwd: app, encoding: "utf8", stdio: "pipe", ...options });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  }
}

before(() => {
  app = mkdtempSync(join(tmpdir(), "readrealm-pack-"));
  const [report] = Object.values(JSON.parse(run("npm", ["pack", "--json", "--pack-destination", app], { cwd: sdk })));
  packed = report.files.map(({ path }) => path);
  tarball = join(app, report.filename);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball, `vite@${version}`]);
});

after(() => rmSync(app, { recursive: true, force: true }));

test("it holds what is needed, and nothing else", () => {
  assert.deepEqual(packed.filter((path) => !path.startsWith("dist/")), [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "package.json",
  ]);
  assert.ok(packed.includes("dist/pkg/readrealm_sdk_bg.wasm"));
  assert.ok(!packed.some((path) => /\.(ts|mjs|rs)$/.test(path) && !path.endsWith(".d.ts")));
});

test("Node imports every entry", () => {
  const script = `
    import { ChatClient, ChatError, init } from "readrealm-chat";
    import * as inline from "readrealm-chat/inline";
    import { readFile } from "node:fs/promises";
    import { fileURLToPath } from "node:url";
    const bytes = await readFile(fileURLToPath(import.meta.resolve("readrealm-chat/wasm")));
    await init(bytes);
    globalThis.WebSocket ??= class {};
    for (const { ChatClient: Client } of [{ ChatClient }, inline]) {
      await Client.connect("ws://localhost", { userId: "" }).then(
        () => process.exit(1),
        (error) => console.log(error instanceof ChatError, error.code),
      );
    }
  `;
  writeFileSync(join(app, "import.mjs"), script);
  assert.equal(run(process.execPath, ["import.mjs"]), "true invalid_data\ntrue invalid_data\n");
});

test("a fresh Vite app builds with it, the WebAssembly as a file of its own", (t) => {
  mkdirSync(join(app, "src"));
  writeFileSync(join(app, "index.html"), `<script type="module" src="/src/main.js"></script>`);
  writeFileSync(
    join(app, "src/main.js"),
    `import { ChatClient } from "readrealm-chat";
     const chat = await ChatClient.connect("ws://localhost:3000/ws", { userId: "u1", username: "alice" });
     const room = await chat.joinRoom(28520);
     room.subscribe(console.log);
     await room.send("hello");`,
  );
  run("npx", ["vite", "build", "--target", "es2022"]);
  const assets = readdirSync(join(app, "dist/assets"));
  const wasm = assets.filter((name) => name.endsWith(".wasm"));
  assert.equal(wasm.length, 1);
  const sizes = assets.map((name) => [name, gzipSync(readFileSync(join(app, "dist/assets", name)), { level: 9 }).length]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0) / 1000;
  for (const [name, size] of sizes) t.diagnostic(`${name}: ${size} bytes gzip`);
  t.diagnostic(`together: ${total.toFixed(1)} KB gzip`);
  assert.ok(total <= SIZE_MAX, `${total} KB`);
});

test("publint and attw find nothing", () => {
  run("npx", ["publint", "--strict", tarball], { cwd: sdk });
  run("npx", ["attw", tarball, "--profile", "esm-only", "--exclude-entrypoints", "wasm"], { cwd: sdk });
});
