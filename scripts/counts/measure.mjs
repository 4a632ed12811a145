// Counts the instructions of bench/counts, and knows what the counts depend on beside the code.

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ask, root, targetDir, which, work } from "../lib/process.mjs";
import { Stop } from "../lib/say.mjs";

const STORED = join(root, "bench/counts.json");
const PROGRAM = join(targetDir, "release/readrealm-counts");

// One of them takes seconds.
const PATIENCE_MS = 120_000;

export const stored = () => JSON.parse(readFileSync(STORED, "utf8"));

export const store = (counts) => writeFileSync(STORED, `${JSON.stringify({ taken: place(), counts }, null, 2)}\n`);

/** The compiler, what allocates and copies, and what counts. */
export function place() {
  const rustc = ask("rustc", ["-vV"]) ?? "";
  return {
    rustc: rustc.split("\n")[0].replace("rustc ", ""),
    target: rustc.match(/^host: (.*)$/m)?.[1],
    libc: ask("getconf", ["GNU_LIBC_VERSION"]),
    valgrind: ask("valgrind", ["--version"]),
  };
}

/** Why nothing can be counted here, or undefined. */
export function missing() {
  if (process.platform !== "linux") return "nothing was counted: Valgrind is needed, which runs on Linux";
  if (!which("valgrind")) return "nothing was counted: Valgrind is missing (apt-get install valgrind)";
}

/** Compiles as the server is released: the same dependencies with the same features. */
export const build = (note = () => {}) => work("cargo", ["build", "--release", "-p", "readrealm-counts"], { note });

/** Resolves with the instructions of each benchmark by its name, as many at a time as there are cores. */
export async function count(note = () => {}) {
  const names = ask(PROGRAM, [])?.split("\n") ?? [];
  const counts = Object.fromEntries(names.map((name) => [name, undefined]));
  const waiting = [...names];
  const counting = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) {
      note(name);
      counts[name] = await instructions(name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, counting));
  return counts;
}

async function instructions(name) {
  const flags = ["--tool=callgrind", "--toggle-collect=*measured*", "--callgrind-out-file=/dev/null"];
  // Without an environment, whose size would move the stack.
  const options = { env: {}, timeout: PATIENCE_MS, killSignal: "SIGKILL" };
  const { stderr } = await promisify(execFile)(which("valgrind"), [...flags, PROGRAM, name], options).catch((error) => {
    throw new Stop(`${name} failed: ${error.killed ? `it took more than ${PATIENCE_MS / 1000} s` : error.message}`);
  });
  const collected = Number(stderr.match(/Collected : (\d+)/)?.[1] ?? 0);
  if (collected === 0) throw new Stop(`${name}: nothing was counted; is \`measured\` a function of its own in the program?`);
  return collected;
}
