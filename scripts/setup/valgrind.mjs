// Valgrind counts instructions. Where it cannot be had, who counts says so: it is no reason to stop.

import { which } from "../lib/process.mjs";
import { step } from "../lib/say.mjs";
import { aptInstall, canInstall } from "./apt.mjs";

export async function valgrind() {
  if (process.platform === "linux" && !which("valgrind") && canInstall()) {
    await step("valgrind", "installing the Debian packages", (note) => aptInstall(["valgrind", "libc6-dbg"], note)).catch((error) =>
      console.error(error.message),
    );
  }
  return { path: [], env: {} };
}
