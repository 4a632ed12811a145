// The standard library of wasm32-unknown-unknown: rustup's, or, where rustup cannot reach its server, built from source.

import { existsSync, readdirSync } from "node:fs";
import { ask, which, work } from "../lib/process.mjs";
import { Stop, say, step } from "../lib/say.mjs";
import { TARGET } from "./build-std.mjs";
import { DEBIAN_RUSTC, debianToolchain, stdFromDebian } from "./std-from-debian.mjs";
import { stdFromSource } from "./std-from-source.mjs";

const ready = { path: [], env: {} };

const WAYS = [
  ["asking rustup for the target", rustup],
  ["building the target's standard library from source", stdFromSource],
  ["installing a second toolchain for the target", stdFromDebian],
];

/** Its `path` is empty wherever the machine's own Rust can do it. */
export async function wasmTarget() {
  if (!which("cargo")) throw new Stop("Rust is missing: install rustup with the stable toolchain, then run this again.");
  if (hasStd("rustc")) return ready;
  if (hasStd(DEBIAN_RUSTC)) return debianToolchain;

  const reasons = [];
  for (const [doing, way] of WAYS) {
    try {
      return (await step("wasm32", doing, way)) ?? ready;
    } catch (error) {
      reasons.push(error.message);
      say("wasm32", "that way is closed here");
    }
  }
  throw new Stop(`${reasons.join("\n")}\nThe WebAssembly target is missing: run "rustup target add ${TARGET}", then this again.`);
}

function hasStd(rustc) {
  const libs = ask(rustc, ["--print", "target-libdir", "--target", TARGET]);
  return Boolean(libs) && existsSync(libs) && readdirSync(libs).some((name) => /^libtest-.*\.rlib$/.test(name));
}

async function rustup(note) {
  if (!which("rustup")) throw new Stop("There is no rustup.");
  const env = { ...process.env, RUSTUP_MAX_RETRIES: "1" };
  await work("rustup", ["target", "add", TARGET], { note, timeout: 120_000, env });
  if (!hasStd("rustc")) throw new Stop("rustup added the target to another toolchain.");
}
