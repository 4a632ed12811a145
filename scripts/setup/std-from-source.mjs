// Without rustup's server: the sources of exactly this compiler, from Debian's package of them.

import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cached, locked } from "../lib/cache.mjs";
import { ask, work } from "../lib/process.mjs";
import { Stop } from "../lib/say.mjs";
import { aptDownload } from "./apt.mjs";
import { TARGET, buildStd, installStd } from "./build-std.mjs";

// A release stays for a while in one suite or another, rarely in the machine's own.
const SUITES = ["stable-backports", "trixie-backports", "testing", "unstable"];

export async function stdFromSource(note) {
  const version = ask("rustc", ["--version"]).split(" ")[1];
  const rustlib = join(ask("rustc", ["--print", "sysroot"]), "lib/rustlib");
  const built = await cached(`std-${TARGET}-${version}`, async (draft) => {
    const scratch = mkdtempSync(`${draft}-source-`);
    try {
      const fetchLibrary = () => library(version, scratch, note);
      await withSource(join(rustlib, "src"), fetchLibrary, () => buildStd({ into: draft, note }));
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
  installStd(built, rustlib);
}

async function library(version, scratch, note) {
  const deb = await aptDownload(`rust-src=${version}*`, SUITES, scratch, note);
  await work("dpkg", ["-x", deb, join(scratch, "deb")], { note });
  return join(scratch, "deb/usr/src", `rustc-${version}`, "library");
}

/** cargo looks for the sources inside the toolchain only; ours stay there no longer than the build lasts. */
async function withSource(src, fetchLibrary, task) {
  if (existsSync(join(src, "rust/library"))) return task();
  const from = await fetchLibrary();
  const draft = `${src}-draft`;
  return locked("rust-src", async () => {
    try {
      // Renamed into place: a copy that was cut off would pass for whole the next time.
      cpSync(from, join(draft, "rust/library"), { recursive: true });
      renameSync(draft, src);
      await task();
    } catch (error) {
      throw error.code === "EACCES" ? new Stop(`${src} cannot be written.`) : error;
    } finally {
      for (const path of [draft, src]) rmSync(path, { recursive: true, force: true });
    }
  });
}
