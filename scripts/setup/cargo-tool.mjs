// A Rust program from the registry, built once into the cache.

import { cached, inCache } from "../lib/cache.mjs";
import { ask, which, work } from "../lib/process.mjs";
import { Stop, step } from "../lib/say.mjs";

// These tools run for a second at a time: a quick build is worth more than a quick program.
const QUICK_BUILD = {
  CARGO_PROFILE_RELEASE_LTO: "off",
  CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
  CARGO_PROFILE_RELEASE_DEBUG: "false",
  CARGO_PROFILE_RELEASE_STRIP: "true",
};

/** The directory of `bin` at exactly `version`: the one on PATH where it fits, else the cache's. */
export async function cargoTool({ crate, bin, version }) {
  if (which(bin) && ask(bin, ["--version"])?.split(" ")[1] === version) return undefined;
  const home = await cached(`${crate}-${version}`, (draft) =>
    step(bin, `building version ${version} (once; some minutes)`, async (note) => {
      if (!which("cargo")) throw new Stop("Rust is missing: install rustup with the stable toolchain, then run this again.");
      // Without --locked: the lock files these tools ship name releases that were withdrawn since.
      await work("cargo", ["install", crate, "--version", version, "--root", draft], {
        note,
        env: { ...process.env, ...QUICK_BUILD, CARGO_TARGET_DIR: inCache("target") },
      }).catch((error) => {
        throw new Stop(`${error.message}\n${bin} is missing: run "cargo install ${crate} --version ${version}", then this again.`);
      });
    }),
  );
  return `${home}/bin`;
}
