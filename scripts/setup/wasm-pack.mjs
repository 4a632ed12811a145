// wasm-pack runs the SDK's tests in a headless browser. From the crate registry: its npm package downloads a binary instead.

import { cargoTool } from "./cargo-tool.mjs";

export async function wasmPack() {
  const bin = await cargoTool({ crate: "wasm-pack", bin: "wasm-pack", version: "0.15.1" });
  return { path: bin ? [bin] : [], env: {} };
}
