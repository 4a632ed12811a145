// The way back of a log to the collection it came from.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { repository, serverBinary } from "../../browser/harness/needs.mjs";

/** What the script makes of the log. */
export async function documents(store) {
  const exported = spawn(serverBinary(), ["log", "export", "--store", store, "--without-deleted-words"], { stdio: ["ignore", "pipe", "inherit"] });
  const script = spawn("node", [join(repository, "examples/gateway/messages-back.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
  exported.stdout.pipe(script.stdin);
  let text = "";
  for await (const chunk of script.stdout) text += chunk;
  return text.trim().split("\n").map((line) => JSON.parse(line));
}
