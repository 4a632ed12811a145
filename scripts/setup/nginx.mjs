// nginx, for the test of the manual's example. Debian's package is unpacked and not installed, which would start a web server here. Where
// it cannot be had, the test says so: it is no reason to stop.

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cached } from "../lib/cache.mjs";
import { ask, which, work } from "../lib/process.mjs";
import { Stop, step } from "../lib/say.mjs";
import { aptDownload } from "./apt.mjs";

export async function nginx() {
  const nowhere = { path: [], env: {} };
  if (which("nginx", "/usr/sbin/nginx") || process.platform !== "linux") return nowhere;
  try {
    const home = await cached("nginx", (draft) => step("nginx", "fetching the Debian package (once)", (note) => unpack(draft, note)));
    return { path: [join(home, "bin")], env: {} };
  } catch (error) {
    console.error(error.message);
    return nowhere;
  }
}

async function unpack(draft, note) {
  const [, suite] = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
  if (!suite || !which("dpkg")) throw new Stop("There is no Debian here to take nginx from.");
  const scratch = mkdtempSync(`${draft}-package-`);
  try {
    const file = await aptDownload(`nginx/${suite}`, [suite], scratch, note);
    await work("dpkg", ["-x", file, join(scratch, "unpacked")], { note });
    mkdirSync(join(draft, "bin"));
    renameSync(join(scratch, "unpacked/usr/sbin/nginx"), join(draft, "bin/nginx"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  // It writes its version to stderr.
  if (ask(join(draft, "bin/nginx"), ["-v"]) === undefined) throw new Stop("Debian's nginx does not start here.");
}
