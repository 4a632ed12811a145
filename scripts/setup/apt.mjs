// Debian packages, for whoever may install them.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { which, work } from "../lib/process.mjs";
import { Stop } from "../lib/say.mjs";
import { locked } from "../lib/cache.mjs";

const SOURCES = "/etc/apt/sources.list.d";
const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };

export const canInstall = () => process.getuid?.() === 0 && Boolean(which("apt-get"));

export async function aptInstall(packages, note) {
  if (!canInstall()) throw new Stop("Debian packages can only be installed by root.");
  // The lists of a fresh machine are empty or old, so they come first.
  await locked("apt", async () => {
    await work("apt-get", ["update", "-qq"], { note, env });
    await work("apt-get", ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", ...packages], { note, env });
  });
}

/** Downloads `name=version` into `dir` from the first of `suites` that has it; the machine's own settings stay as they are. */
export async function aptDownload(spec, suites, dir, note) {
  if (!which("apt-get", "dpkg")) throw new Stop("There is no apt.");
  const sources = readdirSync(SOURCES).filter((name) => name === "debian.sources");
  if (sources.length === 0) throw new Stop(`${SOURCES}/debian.sources is missing.`);
  const own = readFileSync(join(SOURCES, sources[0]), "utf8");
  for (const suite of suites) {
    const apt = join(dir, suite);
    for (const part of ["sources", "lists/partial", "cache/archives/partial"]) mkdirSync(join(apt, part), { recursive: true });
    writeFileSync(join(apt, "sources/suite.sources"), withSuite(own, suite));
    const options = [
      "-o", "Dir::Etc::SourceList=/dev/null",
      "-o", `Dir::Etc::SourceParts=${apt}/sources`,
      "-o", `Dir::State::Lists=${apt}/lists`,
      "-o", `Dir::Cache=${apt}/cache`,
      // As root apt would hand the download to a user that may not write here.
      "-o", "APT::Sandbox::User=root",
    ];
    try {
      await work("apt-get", ["update", "-qq", ...options], { note });
      await work("apt-get", ["download", spec, ...options], { note, cwd: dir });
    } catch {
      continue;
    }
    return join(dir, readdirSync(dir).find((name) => name.endsWith(".deb")));
  }
  throw new Stop(`No suite of Debian has ${spec}.`);
}

/** The machine's main archive, with its keyring, at another suite. */
function withSuite(sources, suite) {
  const entry = sources.split(/\n\s*\n/).find((text) => /^Suites:/m.test(text) && !/security/.test(text));
  if (!entry) throw new Stop("The machine's apt sources name no main archive.");
  return `${entry.replace(/^Suites:.*$/m, `Suites: ${suite}`).replace(/^Components:.*$/m, "Components: main")}\n`;
}
