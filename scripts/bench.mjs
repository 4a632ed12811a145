// npm run bench [-- SCENARIO [FLAG...]]: measures a release build of the server, with a real mongod at hand; `browser`, with a
// real Chromium and the SDK. Without a scenario it is `peers`. READREALM_SERVER names a server that is built already.

import { join } from "node:path";
import { buildSdk } from "./build-sdk.mjs";
import { run, targetDir, withFiles, work } from "./lib/process.mjs";
import { main, step } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

const SERVER = ["-p", "readrealm-server"];
const BENCH = ["-p", "readrealm-bench"];

function bench(flags) {
  return flags[0] === "browser" ? inBrowser(flags.slice(1)) : native(flags);
}

async function native(flags) {
  const env = await prepare(["mongod"]);
  await compile(env.READREALM_SERVER ? BENCH : [...SERVER, ...BENCH]);
  const named = /^(-h|--help|[a-z].*)$/.test(flags[0] ?? "") ? flags : ["peers", ...flags];
  return run(...withFiles(join(targetDir, "release/readrealm-bench"), named), { env, show: true });
}

async function inBrowser(flags) {
  const env = await prepare(["npmInstall", "browser"]);
  await buildSdk();
  if (!env.READREALM_SERVER) {
    await compile(SERVER);
    env.READREALM_SERVER = join(targetDir, "release/readrealm-server");
  }
  return run("node", ["bench/browser/main.mjs", ...flags], { env, show: true });
}

const compile = (packages) =>
  step("bench", "compiling (the first time takes minutes)", (note) => work("cargo", ["build", "--release", ...packages], { note }));

await main(import.meta, bench);
