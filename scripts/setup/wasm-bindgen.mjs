// The wasm-bindgen CLI and its test runner, at the very version of the crate: they refuse each other's output otherwise.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../lib/process.mjs";
import { cargoTool } from "./cargo-tool.mjs";

const FALLBACK = "0.2.130";

function pinned() {
  for (const [file, pattern] of [
    ["Cargo.lock", /name = "wasm-bindgen"\nversion = "([\d.]+)"/],
    ["Cargo.toml", /^wasm-bindgen\s*=.*?"=([\d.]+)"/m],
  ]) {
    const path = join(root, file);
    const found = existsSync(path) && readFileSync(path, "utf8").match(pattern);
    if (found) return found[1];
  }
  return FALLBACK;
}

export async function wasmBindgen() {
  const bin = await cargoTool({ crate: "wasm-bindgen-cli", bin: "wasm-bindgen", version: pinned() });
  return { path: bin ? [bin] : [], env: {} };
}
