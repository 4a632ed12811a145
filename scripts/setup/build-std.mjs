// Builds the target's standard library with a compiler whose toolchain holds the sources, and puts it in its place.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { moveInto } from "../lib/cache.mjs";
import { work } from "../lib/process.mjs";

export const TARGET = "wasm32-unknown-unknown";

/** Leaves the library's files in `into`/lib; `env` chooses the compiler by its PATH. */
export async function buildStd({ into, env = process.env, note }) {
  const probe = mkdtempSync(`${into}-probe-`);
  try {
    mkdirSync(join(probe, "src"));
    writeFileSync(join(probe, "Cargo.toml"), '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n');
    writeFileSync(join(probe, "src/lib.rs"), "");
    const crates = "-Zbuild-std=std,panic_abort,panic_unwind,test";
    await work("cargo", ["build", "--release", crates, "--target", TARGET], {
      note,
      cwd: probe,
      // Building std is the one thing here that stable cargo hides; without bitcode `lto = true` fails later.
      env: { ...env, RUSTC_BOOTSTRAP: "1", RUSTFLAGS: "-Cembed-bitcode=yes", CARGO_TARGET_DIR: join(probe, "target") },
    });
    const deps = join(probe, "target", TARGET, "release/deps");
    for (const name of readdirSync(deps).filter((file) => file.endsWith(".rlib") && !file.startsWith("libprobe"))) {
      cpSync(join(deps, name), join(into, "lib", name));
    }
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

/** Copies what `buildStd` made into the toolchain whose `lib/rustlib` is given. */
export function installStd(built, rustlib) {
  const draft = mkdtempSync(join(rustlib, "draft-"));
  try {
    cpSync(built, draft, { recursive: true });
    rmSync(join(rustlib, TARGET), { recursive: true, force: true });
    moveInto(draft, join(rustlib, TARGET));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
