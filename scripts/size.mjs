// npm run size: what a page downloads for the chat, file by file, and what the WebAssembly is made of, module by module.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bind, buildSdk, optimise, WASM } from "./build-sdk.mjs";
import { ask, work } from "./lib/process.mjs";
import { main, Stop } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

// The first that a function's name matches is where its bytes count.
const PARTS = [
  ["names (not shipped)", /function names|custom section/],
  ["allocator", /talc|__rust(c|_)|__rdl|__rg_/],
  ["sdk: border to the page", /^core_|^onPanic|readrealm_sdk::(border|shell|socket|decode)|shim$/],
  ["sdk: room", /readrealm_sdk::room/],
  ["sdk: connection", /readrealm_sdk::(client|backoff|requests|io|effect)/],
  ["sdk: frames and outbox", /readrealm_sdk/],
  ["protocol: the fold", /readrealm_protocol::(history|slots)/],
  ["protocol: the rest", /readrealm_protocol/],
  ["wasm-bindgen, js-sys", /wasm_bindgen|js_sys|externref|__wb/],
  ["core: formatting", /core.*::fmt|fmt::/],
  ["core and alloc", /core|alloc|std/],
  ["data", /data segment/],
];

async function size() {
  await buildSdk();
  const env = await prepare(["wasmBindgen", "npmInstall", "twiggy"]);
  console.log("\nWhat a page downloads (a production build of Vite):");
  await work("npm", ["run", "--silent", "size", "-w", "readrealm-chat"], { env, show: true });
  const draft = mkdtempSync(join(tmpdir(), "readrealm-size-"));
  try {
    const named = await bind({ env, out: draft });
    await optimise({ env, wasm: named, keepNames: true });
    const rows = ask("twiggy", ["top", "-n", "100000", "-f", "json", named], { env, maxBuffer: 64 << 20 });
    if (!rows) throw new Stop("twiggy could not read the WebAssembly.");
    report(JSON.parse(rows));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function report(rows) {
  const bytes = new Map();
  for (const { name, shallow_size } of rows) {
    const part = PARTS.find(([, pattern]) => pattern.test(name))?.[0] ?? "others";
    bytes.set(part, (bytes.get(part) ?? 0) + shallow_size);
  }
  bytes.delete(PARTS[0][0]);
  const module = readFileSync(WASM);
  const gzip = gzipSync(module, { level: 9 }).length;
  console.log(`\nWhat the WebAssembly is made of (${module.length} bytes, ${gzip} gzip; each part's gzip is its share):`);
  const whole = [...bytes.values()].reduce((sum, part) => sum + part, 0);
  for (const [part, size] of [...bytes].sort((one, other) => other[1] - one[1])) {
    const share = Math.round((gzip * size) / whole);
    console.log(`${part.padEnd(24)} ${String(size).padStart(7)} bytes ${String(share).padStart(7)} gzip`);
  }
}

await main(import.meta, size);
