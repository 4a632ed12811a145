// The npm packages of all workspaces, installed again only when a package.json or the lock file has changed.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locked } from "../lib/cache.mjs";
import { root, work } from "../lib/process.mjs";
import { step } from "../lib/say.mjs";
import { hashOf, readStamp, writeStamp } from "../lib/stamp.mjs";

const manifests = () => {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return hashOf(["package.json", "package-lock.json", ...workspaces.map((name) => `${name}/package.json`)]);
};

const upToDate = () => existsSync(join(root, "node_modules")) && readStamp("npm") === manifests();

export async function npmInstall() {
  if (!upToDate()) {
    await locked("npm-install", async () => {
      if (upToDate()) return;
      await step("npm", "installing the packages", (note) => work("npm", ["install", "--no-audit", "--no-fund"], { note }));
      // After, not before: npm may have written the lock file.
      writeStamp("npm", manifests());
    });
  }
  return { path: [], env: {} };
}
