// Tools live outside the repository, under names that carry their version, and appear there whole or not at all.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "./say.mjs";

export const cacheRoot = process.env.READREALM_CACHE || join(homedir(), ".cache", "readrealm");
export const inCache = (...names) => join(cacheRoot, ...names);

/** The directory `name` of the cache, made by `build(draft)` when it is not there yet. */
export async function cached(name, build) {
  const place = inCache(name);
  if (existsSync(place)) return place;
  return locked(name, async () => {
    if (existsSync(place)) return place;
    removeDrafts(name);
    const draft = mkdtempSync(inCache(`draft-${name}-`));
    try {
      await build(draft);
      moveInto(draft, place);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return place;
  });
}

/** What a run that was killed has left: the lock is ours, so nobody is at it. */
function removeDrafts(name) {
  for (const left of readdirSync(cacheRoot).filter((file) => file.startsWith(`draft-${name}-`))) {
    rmSync(inCache(left), { recursive: true, force: true });
  }
}

/** Renames a finished directory into place; where another run was faster, its result stays. */
export function moveInto(draft, place) {
  try {
    renameSync(draft, place);
  } catch (error) {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}

/** One run at a time per name. It saves doing the work twice; it is the rename that keeps the cache whole. */
export async function locked(name, task) {
  mkdirSync(cacheRoot, { recursive: true });
  const lock = inCache(`${name}.lock`);
  for (let waited = false; !take(lock); waited = true) {
    if (!waited) say(name, "waiting for another run that is at it");
    await sleep(500);
  }
  try {
    return await task();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (!holderLives(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function holderLives(lock) {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // An empty file is a lock whose holder is about to write its id.
    return pid === 0 || process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
