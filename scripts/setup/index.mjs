// Every tool by name. A task asks for those it needs and gets the environment to run its programs in.

import { delimiter } from "node:path";
import { browser } from "./browser.mjs";
import { cargoDeny } from "./cargo-deny.mjs";
import { inferno } from "./inferno.mjs";
import { mongod } from "./mongod.mjs";
import { nginx } from "./nginx.mjs";
import { npmInstall } from "./npm.mjs";
import { twiggy } from "./twiggy.mjs";
import { valgrind } from "./valgrind.mjs";
import { wasmBindgen } from "./wasm-bindgen.mjs";
import { wasmPack } from "./wasm-pack.mjs";
import { wasmTarget } from "./wasm-target.mjs";

// What compiles and what downloads go on beside each other; within a lane one follows the other.
const LANES = [
  { wasmTarget, wasmBindgen, wasmPack, twiggy, cargoDeny, inferno },
  { mongod, npmInstall, browser, valgrind, nginx },
];

export const toolNames = LANES.flatMap(Object.keys);

/** Installs what is missing of `names` and resolves with `process.env`, extended by what the tools add to it. */
export async function prepare(names) {
  const results = await Promise.all(
    LANES.map(async (lane) => {
      const added = [];
      for (const [name, tool] of Object.entries(lane)) {
        if (names.includes(name)) added.push(await tool());
      }
      return added;
    }),
  );
  const added = results.flat();
  const path = [...added.flatMap((tool) => tool.path), process.env.PATH].join(delimiter);
  return Object.assign({}, process.env, ...added.map((tool) => tool.env), { PATH: path });
}
