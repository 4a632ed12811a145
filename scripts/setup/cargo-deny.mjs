// cargo-deny looks at what the crates are licensed under, where they come from, and what is known against them.

import { cargoTool } from "./cargo-tool.mjs";

export async function cargoDeny() {
  const bin = await cargoTool({ crate: "cargo-deny", bin: "cargo-deny", version: "0.20.2" });
  return { path: bin ? [bin] : [], env: {} };
}
