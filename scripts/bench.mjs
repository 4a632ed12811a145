// npm run bench -- SCENARIO [FLAG...]: measures a release build of the server, with a real mongod at hand.

import { run, work } from "./lib/process.mjs";
import { main, step } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

const PACKAGES = ["-p", "readrealm-server", "-p", "readrealm-bench"];

async function bench(flags) {
  const env = await prepare(["mongod"]);
  await step("bench", "compiling (the first time takes minutes)", (note) =>
    work("cargo", ["build", "--release", ...PACKAGES], { note }),
  );
  const args = ["run", "--quiet", "--release", "-p", "readrealm-bench", "--", ...flags];
  return run("cargo", args, { env, show: true });
}

await main(import.meta, bench);
