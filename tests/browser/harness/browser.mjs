// One Chromium for all that a program starts. Every reader has a context of its own in it: own storage, own connection.

import { chromium } from "playwright-core";
import { chrome } from "./needs.mjs";

// Without most of them Chromium calls home, which a machine without a network refuses many times a second.
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page that a test hands out itself counts as one of the internet, which may not talk to this machine.
  "--disable-features=LocalNetworkAccessChecks",
];

let launched;

export function browser() {
  launched ??= chromium.launch({ executablePath: chrome(), args: ARGUMENTS });
  return launched;
}

export async function closeBrowser() {
  const open = await launched?.catch(() => undefined);
  launched = undefined;
  await open?.close();
}
