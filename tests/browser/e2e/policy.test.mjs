// What browsers are told to keep to: the page works under it, and what is smuggled into the page does not.

import assert from "node:assert/strict";
import { browser } from "../harness/browser.mjs";
import { shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";

/** Before any script of the page: what the browser refuses to do is kept. */
const KEEP = () => {
  window.violations = [];
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    window.violations.push(`${effectiveDirective} ${blockedURI}`);
  });
};

const DIRECTIVES = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
];

story("the page works under its policy: nothing that it does is refused", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  for (const reader of [alice, edmond]) await reader.page.addInitScript(KEEP);
  await alice.enter(shelf.alice);
  await edmond.enterByLink(shelf.alice);
  await alice.write("Said under the policy");
  for (const reader of [alice, edmond]) {
    await reader.sees(["Said under the policy"]);
    assert.deepEqual(await reader.page.evaluate(() => window.violations), [], reader.name);
  }
});

story("the page's files come as they were compressed when it was built", async (stage) => {
  const server = await stage.server();
  const page = await (await fetch(`${server.origin}/`)).text();
  const files = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, file]) => file);
  assert.ok(files.length >= 2, page);
  for (const file of [...files, "sdk/index.js"]) {
    const answer = await fetch(`${server.origin}/${file}`);
    assert.equal(answer.headers.get("content-encoding"), "gzip", file);
    assert.ok((await answer.text()).length > 1_000, file);
  }
});

story("what is smuggled into the page neither runs nor gets out", async (stage) => {
  const server = await stage.server();
  const context = await (await browser()).newContext();
  try {
    const page = await context.newPage();
    await page.addInitScript(KEEP);
    const answer = await page.goto(`${server.origin}/`);
    const headers = answer.headers();
    const policy = headers["content-security-policy"].split("; ");
    for (const directive of DIRECTIVES) assert.ok(policy.includes(directive), `${directive} in ${policy}`);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["x-frame-options"], "DENY");

    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.smuggled = true";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", `<img src="/favicon.svg" onload="window.smuggled = true">`);
    });
    const escaped = await page.evaluate(async () => {
      const fetched = await fetch("https://elsewhere.invalid/").then(() => "fetched", () => "refused");
      const socket = new Promise((resolve) => {
        try {
          const socket = new WebSocket("wss://elsewhere.invalid/");
          socket.onopen = () => resolve("opened");
          socket.onerror = () => resolve("refused");
        } catch {
          resolve("refused");
        }
      });
      return [fetched, await socket];
    });
    assert.deepEqual(escaped, ["refused", "refused"]);
    await page.waitForFunction(() => window.violations.length >= 4);
    const violations = await page.evaluate(() => window.violations.sort());
    assert.deepEqual(violations, [
      "connect-src https://elsewhere.invalid/",
      "connect-src wss://elsewhere.invalid/",
      "script-src-attr inline",
      "script-src-elem inline",
    ]);
    assert.equal(await page.evaluate(() => window.smuggled), undefined);
  } finally {
    await context.close();
  }
});

story("no other site may hold the page in a frame", async (stage) => {
  const [server, other] = [await stage.server(), await stage.server({ flags: ["--content-security-policy", ""] })];
  const context = await (await browser()).newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${other.origin}/`);
    const shown = await page.evaluate(async (url) => {
      const frame = document.createElement("iframe");
      frame.src = url;
      const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await loaded;
      return frame.contentWindow.length;
    }, server.origin);
    assert.equal(shown, 0);
    const inside = page.frames().find((frame) => frame !== page.mainFrame());
    assert.ok(!inside.url().startsWith(server.origin), `the frame shows ${inside.url()}`);
  } finally {
    await context.close();
  }
});
