// Chromium and the driver that steers it, for tests.

import { which } from "../lib/process.mjs";
import { Stop, step } from "../lib/say.mjs";
import { aptInstall, canInstall } from "./apt.mjs";

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const find = () => [which(process.env.CHROME, ...BROWSERS), which(process.env.CHROMEDRIVER, "chromedriver")];

export async function browser() {
  if (find().includes(undefined) && canInstall()) {
    await step("chromium", "installing the Debian packages", (note) => aptInstall(["chromium", "chromium-driver"], note));
  }
  const [CHROME, CHROMEDRIVER] = find();
  if (!CHROME || !CHROMEDRIVER) {
    throw new Stop("A browser is missing: install Chromium and the chromedriver of the same version, or name them in CHROME and CHROMEDRIVER.");
  }
  return { path: [], env: { CHROME, CHROMEDRIVER } };
}
