// npm run build:sdk: Rust to WebAssembly, its JavaScript bindings, the optimiser, and the package around them.

import { join } from "node:path";
import { root, targetDir, work } from "./lib/process.mjs";
import { main, say, step } from "./lib/say.mjs";
import { unlessBuilt } from "./lib/stamp.mjs";
import { TARGET } from "./setup/build-std.mjs";
import { prepare } from "./setup/index.mjs";

const PROFILE = "wasm-release";
const NAME = "readrealm_sdk";
const PKG = join(root, "sdk/pkg");
export const WASM = join(PKG, `${NAME}_bg.wasm`);

// What the compiler and wasm-bindgen emit, and every browser of the last years runs.
const FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
].map((name) => `--enable-${name}`);

export async function buildSdk() {
  const inputs = ["sdk", "protocol", "Cargo.toml", "Cargo.lock", ".cargo", "package.json", "scripts/build-sdk.mjs"];
  const built = await unlessBuilt("sdk", { inputs, outputs: ["sdk/pkg", "sdk/dist"] }, async () => {
    const env = await prepare(["wasmTarget", "wasmBindgen", "npmInstall"]);
    await step("sdk", "compiling Rust to WebAssembly", (note) => compile({ env, note }));
    await step("sdk", "generating the bindings", (note) => bind({ env, note }));
    await step("sdk", "optimising", (note) => optimise({ env, note }));
    // Shown: it ends with what the package weighs.
    await step("sdk", "building the package", () => work("npm", ["run", "build", "-w", "readrealm-chat"], { env, show: true }));
  });
  if (!built) say("sdk", "up to date");
}

const compile = (options) => work("cargo", ["build", "-p", "readrealm-sdk", "--target", TARGET, "--profile", PROFILE], options);

/** Writes the bindings to `out`, and resolves with the module they belong to. */
export async function bind({ out = PKG, ...options }) {
  const compiled = join(targetDir, TARGET, PROFILE, `${NAME}.wasm`);
  const flags = ["--target", "web", "--omit-default-module-path", "--out-dir", out, "--out-name", NAME];
  await work("wasm-bindgen", [...flags, compiled], options);
  return join(out, `${NAME}_bg.wasm`);
}

export function optimise({ wasm = WASM, keepNames = false, ...options }) {
  const wasmOpt = join(root, "node_modules/.bin/wasm-opt");
  const names = keepNames ? ["-g"] : ["--strip-debug", "--strip-producers"];
  return work(wasmOpt, ["-Oz", ...FEATURES, ...names, wasm, "-o", wasm], options);
}

await main(import.meta, buildSdk);
