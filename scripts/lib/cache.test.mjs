import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const home = mkdtempSync(join(tmpdir(), "readrealm-cache-"));
process.env.READREALM_CACHE = home;
const { cached, inCache } = await import("./cache.mjs");
after(() => rmSync(home, { recursive: true }));

test("builds once, whoever asks at the same time", async () => {
  let builds = 0;
  const build = async (draft) => {
    builds += 1;
    await sleep(50);
    writeFileSync(join(draft, "tool"), "whole");
  };
  const places = await Promise.all([cached("tool-1", build), cached("tool-1", build), cached("tool-1", build)]);
  assert.equal(builds, 1);
  assert.deepEqual(new Set(places), new Set([inCache("tool-1")]));
  assert.equal(readFileSync(inCache("tool-1", "tool"), "utf8"), "whole");
});

test("a build that fails leaves nothing behind", async () => {
  const broken = async (draft) => {
    writeFileSync(join(draft, "tool"), "half");
    throw new Error("no network");
  };
  await assert.rejects(cached("tool-2", broken), /no network/);
  assert.deepEqual(readdirSync(home).filter((name) => name.includes("tool-2")), []);
});

test("the lock of a run that was killed is taken over", async () => {
  writeFileSync(inCache("tool-3.lock"), "999999999");
  const place = await cached("tool-3", async (draft) => writeFileSync(join(draft, "tool"), "whole"));
  assert.deepEqual(readdirSync(place), ["tool"]);
});

test("what a killed run left half built is cleared away", async () => {
  mkdirSync(inCache("draft-tool-4-abcdef"));
  await cached("tool-4", async (draft) => writeFileSync(join(draft, "tool"), "whole"));
  assert.deepEqual(readdirSync(home).filter((name) => name.includes("tool-4")), ["tool-4"]);
});
