// npm start [-- FLAG...]: builds what is missing, then runs the server with the page until a signal ends it.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { buildExample, PAGE } from "./build-example.mjs";
import { root, targetDir, which, work } from "./lib/process.mjs";
import { Stop, main, step } from "./lib/say.mjs";

async function start(flags) {
  if (!which("cargo")) throw new Stop("Rust is missing: install rustup with the stable toolchain, then run this again.");
  await buildExample();
  await step("server", "compiling (the first time takes minutes)", (note) =>
    work("cargo", ["build", "--release", "-p", "readrealm-server"], { note }),
  );
  return serve(join(targetDir, "release/readrealm-server"), ["--static-dir", PAGE, ...flags]);
}

/** Resolves with the server's exit code. */
function serve(binary, flags) {
  // A group of its own: a Ctrl-C then reaches it once, through this process, and the server drains.
  const server = spawn(binary, flags, { cwd: root, stdio: ["ignore", "inherit", "inherit"], detached: true });
  const passed = { SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGTERM" };
  // A terminal that is closed ends it; to the server alone SIGHUP means to read its certificate anew.
  for (const [signal, meant] of Object.entries(passed)) process.on(signal, once(() => server.kill(meant)));
  return new Promise((resolve, reject) => {
    server.on("error", (error) => reject(new Stop(`The server does not start: ${error.message}`)));
    server.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

/** A terminal and npm both pass a Ctrl-C on: what comes in one breath counts as one. */
function once(act) {
  let last = 0;
  return () => {
    const now = Date.now();
    if (now - last > 500) act();
    last = now;
  };
}

await main(import.meta, start);
