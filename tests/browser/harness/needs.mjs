// What the tests need and do not bring along. What is missing is said in one sentence, and fails the test.

import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../..", import.meta.url));

export const chrome = () =>
  needed(
    process.env.CHROME || "/usr/bin/chromium",
    constants.X_OK,
    (path) => `There is no browser at ${path}: install Chromium, or name one in CHROME=/path/to/chromium.`,
  );

export const serverBinary = () =>
  needed(
    process.env.READREALM_SERVER || join(repository, "target/debug/readrealm-server"),
    constants.X_OK,
    (path) => `There is no server at ${path}: cargo build -p readrealm-server, or name one in READREALM_SERVER.`,
  );

/** The folder of the built page. */
export function builtPage() {
  const folder = process.env.READREALM_PAGE || join(repository, "examples/react/dist");
  needed(
    join(folder, "index.html"),
    constants.R_OK,
    () => `There is no built page in ${folder}: npm run build:example, or name its folder in READREALM_PAGE.`,
  );
  return folder;
}

export function mongodBinary() {
  const missing =
    "There is no mongod: name one in MONGOD=/path/to/mongod, or a running replica set in READREALM_TEST_MONGODB=mongodb://… " +
    "(`npm run setup` fetches one).";
  if (!process.env.MONGOD) throw new Error(missing);
  return needed(process.env.MONGOD, constants.X_OK, (path) => `MONGOD=${path} cannot be run. ${missing}`);
}

function needed(path, mode, missing) {
  try {
    accessSync(path, mode);
    return path;
  } catch {
    throw new Error(missing(path));
  }
}
