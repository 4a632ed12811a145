// npm run build:example: the page, on top of the SDK, and the SDK's own files beside it, for pages without a bundler; all of it
// compressed, as the server compresses nothing.

import { cp } from "node:fs/promises";
import { join } from "node:path";
import { buildSdk } from "./build-sdk.mjs";
import { compress } from "./lib/gzip.mjs";
import { root, work } from "./lib/process.mjs";
import { main, say, step } from "./lib/say.mjs";
import { unlessBuilt } from "./lib/stamp.mjs";
import { prepare } from "./setup/index.mjs";

export const PAGE = "examples/react/dist";

export async function buildExample() {
  await buildSdk();
  const inputs = ["examples/react", "package.json", "scripts/build-example.mjs", "scripts/lib/gzip.mjs", ...SDK_OUTPUTS];
  const built = await unlessBuilt("example", { inputs, outputs: [PAGE] }, async () => {
    const env = await prepare(["npmInstall"]);
    await step("page", "building", (note) => work("npm", ["run", "build", "-w", "readrealm-example-react"], { env, note }));
    await cp(join(root, "sdk/dist"), join(root, PAGE, "sdk"), { recursive: true });
    compress(join(root, PAGE));
  });
  if (!built) say("page", "up to date");
}

const SDK_OUTPUTS = ["sdk/dist", "sdk/package.json"];

await main(import.meta, buildExample);
