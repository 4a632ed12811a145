// inferno turns the samples of a profiler into a flame graph.

import { cargoTool } from "./cargo-tool.mjs";

export async function inferno() {
  const bin = await cargoTool({ crate: "inferno", bin: "inferno-flamegraph", version: "0.12.8" });
  return { path: bin ? [bin] : [], env: {} };
}
