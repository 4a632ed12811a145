// npm run matrix:short, a part of `npm test`: the packed tarball before the TypeScript compiler and in the builds that take
// seconds, each run against the real server. Tools are the repository's own; the app has the package and React alone.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { Matrix, PAGE, run, sdk, SENT } from "./harness.mjs";

const require = createRequire(import.meta.url);
const versionOf = (name) => require(`${name}/package.json`).version;
const TYPES = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false", "--types", "", "--jsx", "react-jsx"];
const LIBRARY = ["--target", "es2022", "--lib", "es2022,dom,dom.iterable,dom.asynciterable"];
const ESBUILD = { bundle: true, minify: true, format: "esm", platform: "browser", logLevel: "silent" };

let matrix;
let app;

/** A tool of the repository, run in the app. */
function tool(name, bin, args) {
  const manifest = require.resolve(`${name}/package.json`);
  return run(process.execPath, [join(dirname(manifest), require(manifest).bin[bin]), ...args], { cwd: app });
}

before(async () => {
  matrix = await Matrix.start();
  const dependencies = ["react", "react-dom", "@types/react", "ws"].map((name) => [name, versionOf(name)]);
  app = matrix.install("app", Object.fromEntries(dependencies));
});
after(() => matrix?.end());

for (const [resolution, module] of [["node16", "node16"], ["bundler", "esnext"]]) {
  test(`TypeScript, strict, libraries checked as well: ${resolution}`, () => {
    const source = readFileSync(join(sdk, "matrix/types/consumer.tsx"), "utf8");
    writeFileSync(join(app, "consumer.tsx"), source);
    const args = [...TYPES, ...LIBRARY, "--module", module, "--moduleResolution", resolution, "consumer.tsx"];
    assert.equal(tool("typescript", "tsc", args), "");
    // What it would say of a library that does not compile, and of an app that is wrong.
    writeFileSync(join(app, "consumer.tsx"), source.replace("room.edit(sent.id", "room.edit(sent.seq"));
    assert.throws(() => tool("typescript", "tsc", args), /consumer\.tsx.*error TS2345/);
  });
}

test("Node", () => {
  const script = `
    import WebSocket from "ws";
    import { ChatClient } from "readrealm-chat";
    // Node 20 has none of its own.
    globalThis.WebSocket ??= WebSocket;
    const chat = await ChatClient.connect(${JSON.stringify(matrix.server.url)}, { userId: "u1" });
    const room = await chat.joinRoom(28520);
    const { status, content } = await room.send("from Node");
    console.log(status, content);
    chat.close();
  `;
  writeFileSync(join(app, "node.mjs"), script);
  assert.equal(run(process.execPath, ["node.mjs"], { cwd: app }), "sent from Node\n");
});

const reactTitle = (version) => `React ${version}: ${SENT}`;
const esbuilt = {
  "/inline": ["inline.js", {}, () => SENT],
  "/react, a client of /inline": ["react-inline.js", {}, reactTitle],
  "/react, the .wasm as a file": ["react-file.js", { loader: { ".wasm": "file" } }, reactTitle],
};

async function built(directory, [entry, options, title], version) {
  const out = join(directory, `out-${entry}`);
  await build({ ...ESBUILD, ...options, absWorkingDir: directory, entryPoints: [entry], outfile: join(out, "main.js") });
  writeFileSync(join(out, "index.html"), PAGE);
  assert.deepEqual(await matrix.open(`${await matrix.serve(out)}/`), { title: title(version), complaints: [] });
}

for (const [name, one] of Object.entries(esbuilt)) {
  test(`esbuild: ${name}`, () => built(app, one, versionOf("react")));
}

test("React 18: in a browser and on a server", async () => {
  const old = matrix.install("react18", { react: "^18", "react-dom": "^18" });
  const { version } = JSON.parse(readFileSync(join(old, "node_modules/react/package.json"), "utf8"));
  assert.match(version, /^18\./);
  await built(old, esbuilt["/react, a client of /inline"], version);
  const script = `
    import { createElement } from "react";
    import { renderToString } from "react-dom/server";
    import { ChatProvider, useRoom } from "readrealm-chat/react";
    const Room = () => createElement("p", null, useRoom(28520).status);
    const props = { url: "ws://localhost:3000/ws", options: { userId: "u1" } };
    console.log(renderToString(createElement(ChatProvider, props, createElement(Room))));
  `;
  writeFileSync(join(old, "render.mjs"), script);
  assert.equal(run(process.execPath, ["render.mjs"], { cwd: old }), "<p>joining</p>\n");
});

test("Vite build, under the policy that the README names", async () => {
  const input = `["index.html", "react.html"]`;
  writeFileSync(join(app, "vite.config.js"), `export default { build: { target: "es2022", rollupOptions: { input: ${input} } } };`);
  const out = join(app, "vite");
  mkdirSync(out);
  tool("vite", "vite", ["build", "--outDir", out, "--logLevel", "error"]);
  assert.equal(readdirSync(join(out, "assets")).filter((name) => name.endsWith(".wasm")).length, 1);
  const origin = await matrix.serve(out);
  const csp = policy(matrix.server.url);
  assert.deepEqual(await matrix.open(`${origin}/`, { csp }), { title: SENT, complaints: [] });
  assert.deepEqual(await matrix.open(`${origin}/react.html`, { csp }), { title: reactTitle(versionOf("react")), complaints: [] });
  // The policy is in force: with less the WebAssembly is not compiled, and the page is told.
  const strict = await matrix.open(`${origin}/`, { csp: csp.replace("'wasm-unsafe-eval'", "") });
  assert.match(strict.title, /^failed: ChatError: .*could not be loaded/);
});

/** The README's policy, for a server at that address. */
function policy(url) {
  const [, written] = /```text\n(script-src .+)\n```/.exec(readFileSync(join(sdk, "README.md"), "utf8"));
  const { host } = new URL(url);
  assert.ok(written.includes("wss://chat.example https://chat.example"), written);
  return written.replace("wss://chat.example https://chat.example", `ws://${host} http://${host}`);
}
