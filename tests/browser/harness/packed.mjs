// The package as it is published, for pages without a bundler.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./needs.mjs";

/** Puts the files of the packed tarball into `folder`: `package/dist/index.js` and all the rest. */
export function unpack(folder) {
  const quiet = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] };
  const packing = ["pack", "--json", "-w", "readrealm-chat", "--pack-destination", folder];
  const [{ filename }] = Object.values(JSON.parse(execFileSync("npm", packing, { ...quiet, cwd: repository })));
  const tarball = join(folder, filename);
  execFileSync("tar", ["-xzf", tarball, "-C", folder], quiet);
  rmSync(tarball);
}
