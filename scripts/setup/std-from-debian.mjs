// The last resort: Debian's newest toolchain with its sources, beside the machine's own, for the WebAssembly crate alone.

import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { aptInstall } from "./apt.mjs";
import { buildStd, installStd } from "./build-std.mjs";

const BIN = "/usr/bin";

/** The compiler this puts in place. */
export const DEBIAN_RUSTC = join(BIN, "rustc");

/** What a task needs to use it: it goes before every other toolchain on PATH. */
export const debianToolchain = { path: [BIN], env: {} };

export async function stdFromDebian(note) {
  await aptInstall(["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm"], note);
  // The linker comes in a package of its own, named after its version.
  await aptInstall([basename(readlinkSync(join(BIN, "rust-lld")))], note);
  const built = mkdtempSync(join(tmpdir(), "readrealm-std-"));
  try {
    await buildStd({ into: built, env: { ...process.env, PATH: `${BIN}:${process.env.PATH}` }, note });
    installStd(built, "/usr/lib/rustlib");
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
  return debianToolchain;
}
