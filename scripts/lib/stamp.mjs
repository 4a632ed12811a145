// What was built from what: a step is skipped while its inputs hash to the stamp its last run left.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { locked } from "./cache.mjs";
import { root } from "./process.mjs";

const OUTPUTS = new Set(["node_modules", "target", "dist", "pkg"]);

const stampFile = (name) => join(root, "node_modules/.cache/readrealm", name);

export const readStamp = (name) => (existsSync(stampFile(name)) ? readFileSync(stampFile(name), "utf8") : undefined);

export function writeStamp(name, hash) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), hash);
}

/** A hash over the names and contents of files and whole directories, outputs left out; what is missing counts as such. */
export function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths.flatMap((name) => files(name))) {
    hash.update(`${path}\0`).update(readFileSync(join(root, path))).update("\0");
  }
  return hash.digest("hex");
}

function files(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full)
    .filter((name) => !OUTPUTS.has(name))
    .sort()
    .flatMap((name) => files(join(path, name)));
}

/** Runs `build` unless `outputs` exist and were made from these `inputs`; says whether it ran. */
export async function unlessBuilt(name, { inputs, outputs }, build) {
  const hash = hashOf(inputs);
  const upToDate = () => readStamp(name) === hash && outputs.every((path) => existsSync(join(root, path)));
  if (upToDate()) return false;
  return locked(`build-${name}`, async () => {
    if (upToDate()) return false;
    await build();
    writeStamp(name, hash);
    return true;
  });
}
