// npm run chaos [-- --minutes 10 --seed N | --help]: two nodes on a replica set of three, harmed in every way, while clients
// talk; 0 where every promise was kept.

import { join } from "node:path";
import { run, targetDir, work } from "./lib/process.mjs";
import { main, step } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

// As the suite `rust` builds them: else cargo compiles the dependencies anew with other features.
const BUILD = ["test", "--workspace", "--exclude", "readrealm-sdk", "--no-run", "--test", "direction", "--test", "lifecycle"];

async function chaos(flags) {
  const env = await prepare(["mongod"]);
  await step("chaos", "compiling (the first time takes minutes)", (note) => work("cargo", BUILD, { note }));
  const READREALM_SERVER = join(targetDir, "debug/readrealm-server");
  return run(join(targetDir, "debug/chaos"), flags, { env: { ...env, READREALM_SERVER }, show: true });
}

await main(import.meta, chaos);
