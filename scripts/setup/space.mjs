// Room on the disk. A mongod whose disk is full dies with pages of stack, and a linker's message is no better: said before, in one sentence.

import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { targetDir } from "../lib/process.mjs";
import { Stop, say } from "../lib/say.mjs";

const GB = 1e9;
// What a whole run had written at its end, rounded up; what the mongods of one test at a time reserve for their journals.
const [FIRST_BUILD, TESTS] = [8 * GB, 3 * GB];

/** Stops where the tests cannot run, and warns where what must be compiled first may not fit. */
export function checkSpace(places = [targetDir, tmpdir()], built = existsSync(`${targetDir}/debug/deps`)) {
  for (const place of places) {
    const free = freeAt(place);
    const least = `${place} has ${(free / GB).toFixed(1)} GB free`;
    if (free < TESTS) throw new Stop(`${least}, and the tests need ${TESTS / GB} GB: make room, or name another place in CARGO_TARGET_DIR and TMPDIR.`);
    if (!built && free < FIRST_BUILD) say("disk", `${least}; the first run writes about ${FIRST_BUILD / GB} GB`);
  }
}

/** Of a folder that is not there yet: what its parent has. */
function freeAt(place) {
  const parent = dirname(place);
  if (!existsSync(place) && parent !== place) return freeAt(parent);
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}
