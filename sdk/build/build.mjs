// npm run build: js/ and the bindings in pkg/ (made by scripts/build-sdk.mjs of the repository) become dist/, and every
// file a page loads is weighed.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const NAME = "readrealm_sdk";
const sdk = dirname(dirname(fileURLToPath(import.meta.url)));
const pkg = (file) => join(sdk, "pkg", file);
const dist = (file) => join(sdk, "dist", file);

rmSync(dist(""), { recursive: true, force: true });
// The inline entry carries the WebAssembly as text.
const base64 = readFileSync(pkg(`${NAME}_bg.wasm`)).toString("base64");
writeFileSync(pkg("inline.js"), `export const base64 =\n  "${base64}";\n`);
writeFileSync(pkg("inline.d.ts"), "export declare const base64: string;\n");
compile();
mkdirSync(dist("pkg"), { recursive: true });
for (const file of [`${NAME}_bg.wasm`, `${NAME}.js`, "inline.js", "inline.d.ts"]) {
  copyFileSync(pkg(file), dist(`pkg/${file}`));
}
// What the bindings know nothing of is `any` there, and the package has none.
writeFileSync(dist(`pkg/${NAME}.d.ts`), readFileSync(pkg(`${NAME}.d.ts`), "utf8").replace(/\bany\b(?=[;,)>\]])/g, "unknown"));
report();

function compile() {
  const bin = createRequire(import.meta.url).resolve("typescript/package.json");
  const tsc = join(dirname(bin), JSON.parse(readFileSync(bin, "utf8")).bin.tsc);
  const { status } = spawnSync(process.execPath, [tsc, "-p", sdk], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** As written; a bundler's minifier takes off a good part of the JavaScript. */
function report() {
  // fetch-room.js comes along where it is imported.
  const files = ["abort", "client", "core", "error", "index", "keep", "listeners", "load", "loop", "members", "outbox", "public", "room", "room-state", "sends", "session", "wake"];
  const rows = [
    [`pkg/${NAME}_bg.wasm`, weigh([`pkg/${NAME}_bg.wasm`])],
    [`pkg/${NAME}.js`, weigh([`pkg/${NAME}.js`])],
    ["facade", weigh(files.map((file) => `${file}.js`))],
    ["react", weigh(["react.js", "react/chat-store.js", "react/provider.js", "react/room-store.js", "react/use-room.js"])],
  ];
  for (const [name, { raw, gzip }] of rows) {
    console.log(`${name.padEnd(24)} ${String(raw).padStart(7)} bytes ${String(gzip).padStart(7)} gzip`);
  }
}

function weigh(files) {
  const bytes = Buffer.concat(files.map((file) => readFileSync(dist(file))));
  return { raw: files.reduce((sum, file) => sum + statSync(dist(file)).size, 0), gzip: gzipSync(bytes, { level: 9 }).length };
}
