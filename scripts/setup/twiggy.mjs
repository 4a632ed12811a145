// twiggy tells what a WebAssembly module is made of.

import { cargoTool } from "./cargo-tool.mjs";

export async function twiggy() {
  const bin = await cargoTool({ crate: "twiggy", bin: "twiggy", version: "0.8.0" });
  return { path: bin ? [bin] : [], env: {} };
}
