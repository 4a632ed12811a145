// npm run clean: removes everything that was built here. The tools in the cache stay.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, targetDir } from "./lib/process.mjs";
import { main, say } from "./lib/say.mjs";

await main(import.meta, () => {
  const here = ["sdk/pkg", "sdk/dist", "examples/react/dist", "node_modules"].map((path) => join(root, path));
  for (const path of [targetDir, ...here]) {
    say("clean", path);
    rmSync(path, { recursive: true, force: true });
  }
});
