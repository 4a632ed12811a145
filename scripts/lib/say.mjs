// What a person sees while a script works: one line when a step begins, a sign of life while it lasts, one line at its end.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HEARTBEAT_MS = 10_000;

/** A reason to stop that a person can act on: printed as one sentence, without a stack trace. */
export class Stop extends Error {}

export const say = (who, text) => console.log(`${who.padEnd(14)} ${text}`);

export const secondsSince = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`;

/** Runs `work(note)` as one visible step; `note` keeps the latest detail for the sign of life. */
export async function step(who, doing, work) {
  const start = Date.now();
  let detail = "";
  say(who, `${doing} ...`);
  const heartbeat = setInterval(
    () => say(who, `still at it, ${secondsSince(start)}${detail && `: ${detail}`}`),
    HEARTBEAT_MS,
  );
  try {
    const result = await work((text) => (detail = text.trim().slice(0, 100)));
    say(who, `done (${secondsSince(start)})`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}

/** Runs `script(args)` where its module is the one that was started; a `Stop` ends it with its sentence and exit code 1. */
export async function main(module, script) {
  const [, started, ...args] = process.argv;
  if (!started || fileURLToPath(module.url) !== realpathSync(started)) return;
  try {
    process.exitCode = (await script(args)) ?? 0;
  } catch (error) {
    console.error(`\n${error instanceof Stop || !process.env.DEBUG ? error.message : error.stack}`);
    process.exitCode = 1;
  }
}
