// The watch over all tests is worth what it notices: here are the things it must notice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shelf } from "../harness/reader.mjs";
import { Stage } from "../harness/stage.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const faults = {
  "a console error": [/console error: oh dear/, () => console.error("oh dear")],
  "a console warning": [/console warning: careful/, () => console.warn("careful")],
  "an exception nobody caught": [/uncaught: .*nobody/, () => setTimeout(() => { throw new Error("nobody") })],
  "a request to another host": [/request to another host: http:\/\/127\.0\.0\.2/, () => void fetch("http://127.0.0.2:9/").catch(() => {})],
  "a WebSocket to another host": [/WebSocket to another host: ws:\/\/127\.0\.0\.2/, () => void new WebSocket("ws://127.0.0.2:9/")],
  "a missing file": [/was answered with 404/, () => void fetch("/rooms/none/at/all")],
  "a message shown twice": [
    /"Twinkle, twinkle" stood twice/,
    () => {
      const article = document.querySelector("article");
      article.after(article.cloneNode(true));
    },
  ],
  "messages out of order": [
    /message 1 stood after 2/,
    () => {
      const [first, second] = document.querySelectorAll("article");
      second.after(first);
    },
  ],
  "a message of another room": [
    /"Twinkle, twinkle" was shown in "Another book" and in "Alice/,
    () => {
      document.querySelector("h1").textContent = "Another book";
      document.querySelector("[data-testid=content]").append("!");
      document.querySelector("[data-testid=content]").textContent = "Twinkle, twinkle";
    },
  ],
};

for (const [name, [notice, commit]] of Object.entries(faults)) {
  test(`the watch notices ${name}`, { timeout: 60_000 }, async () => {
    const stage = new Stage();
    try {
      // Without the policy, which would stop some of them before they could be noticed.
      const server = await stage.server({ flags: ["--content-security-policy", ""] });
      const alice = await stage.reader(server, "Alice");
      await alice.enter(shelf.alice);
      for (const text of ["Twinkle, twinkle", "little bat"]) await alice.write(text);
      await alice.sees(["Twinkle, twinkle", "little bat"]);
      assert.deepEqual(stage.watch.problems, []);
      await alice.page.evaluate(commit);
      await until(`it is noticed: ${notice}`, () => stage.watch.problems, (all) => all.some((text) => notice.test(text)));
    } finally {
      await stage.close();
    }
  });
}

story("an evening of ordinary use is nothing to notice", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await alice.enter(shelf.alice);
  await alice.write("How doth the little crocodile");
  await alice.page.getByRole("button", { name: "Switch to the dark theme" }).click();
  await alice.page.getByRole("button", { name: "Change name" }).click();
  await alice.page.getByRole("textbox", { name: "Your name" }).fill("Alice of the Garden");
  await alice.page.getByRole("button", { name: "Save" }).click();
  await alice.arrived(shelf.alice);
  await alice.sees(["How doth the little crocodile"]);
  await alice.page.reload();
  await alice.arrived(shelf.alice);
  assert.equal(await alice.page.locator("html").getAttribute("data-theme"), "dark");
  await alice.page.goto(`${server.origin}/`);
  await alice.page.getByRole("textbox", { name: "Book number" }).fill("28520");
  await alice.page.getByRole("button", { name: "Open" }).click();
  await alice.arrived({ title: "Book 28520" });
});
