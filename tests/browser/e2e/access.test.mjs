import assert from "node:assert/strict";
import { clean } from "../harness/axe.mjs";
import { PHONE, shelf } from "../harness/reader.mjs";
import { refuse } from "../harness/refuse.mjs";
import { story } from "../harness/story.mjs";

story("everything can be done with the keyboard alone", async (stage) => {
  const server = await stage.server();
  const mina = await stage.reader(server, "Mina");
  const { keyboard } = mina.page;
  await mina.openShelf();
  await tabTo(mina, "the name", mina.page.getByRole("textbox", { name: "Your name" }));
  await keyboard.type("Mina");
  await tabTo(mina, "a book", mina.page.getByRole("link", { name: shelf.dracula.title, exact: true }));
  await keyboard.press("Enter");
  await mina.arrived(shelf.dracula);

  // From the start of the page, wherever it has put the focus itself.
  await mina.page.evaluate(() => document.activeElement?.blur());
  await tabTo(mina, "the message box", mina.composer);
  await keyboard.type("A first line");
  await keyboard.press("Shift+Enter");
  await keyboard.type("and a second");
  assert.equal(await mina.composer.inputValue(), "A first line\nand a second");
  await keyboard.press("Enter");
  await mina.sees(["A first line\nand a second"]);

  // The focus stays, the box is empty, and an empty message is none.
  assert.equal(await mina.composer.inputValue(), "");
  await keyboard.press("Enter");
  await keyboard.type("Next");
  await tabTo(mina, "Send", mina.page.getByRole("button", { name: "Send" }));
  await keyboard.press("Space");
  await mina.sees(["A first line\nand a second", "Next"]);

  await tabTo(mina, "the way back", mina.page.getByRole("link", { name: "All books" }), "Shift+Tab");
  await keyboard.press("Enter");
  await mina.page.getByRole("list", { name: "Books" }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [size, options] of [["wide", {}], ["on a phone", PHONE]]) {
    story(`axe finds nothing, ${colorScheme}, ${size}`, async (stage) => {
      const server = await stage.server();
      const settings = { ...options, colorScheme, reducedMotion: "reduce" };
      const alice = await stage.reader(server, "Alice", settings);
      await refuse(alice, "message", ({ content }) => content === "Refused", { code: "forbidden", message: "no" });
      await alice.openShelf();
      await clean(alice, "the shelf");
      await alice.page.goto(`${server.origin}/#/book/${shelf.alice.id}`);
      await alice.page.getByRole("button", { name: "Come in" }).waitFor();
      await clean(alice, "the way in");
      await alice.enterByLink(shelf.alice);
      await clean(alice, "an empty room");

      const edmond = await stage.reader(server, "Edmond", settings);
      await edmond.enterByLink(shelf.alice);
      await alice.write("Why is a raven like a writing-desk?");
      await edmond.sees(["Why is a raven like a writing-desk?"]);
      await edmond.write("See https://www.gutenberg.org/ebooks/11, chapter seven");
      await alice.sees(["Why is a raven like a writing-desk?", "See https://www.gutenberg.org/ebooks/11, chapter seven"]);
      await clean(alice, "a room");

      const about = alice.page.getByRole("button", { name: /here: who, and about the book$/ });
      if (await about.isVisible()) {
        await about.click();
        await alice.page.getByRole("complementary", { name: "About this room" }).waitFor();
        await clean(alice, "who is here");
        await alice.page.keyboard.press("Escape");
      }
      await alice.write("Refused");
      await alice.message("Refused").getByText("Not sent.").waitFor();
      await alice.press("Why is a raven", "Delete");
      await clean(alice, "the question before a delete, and a failed message");
      await alice.page.keyboard.press("Escape");
      await server.kill();
      await alice.banner.getByText("The connection is lost.").waitFor();
      await alice.write("Is anybody there?");
      await alice.press("Why is a raven", "Edit");
      await clean(alice, "a message being edited, and one that waits");
      if (size !== "wide") await fits(alice, "a room in which much is going on");
    });
  }
}

story("on a phone nothing is wider than the screen", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, `Alice ${"Pleasance".repeat(6)}`.slice(0, 64), PHONE);
  await alice.openShelf();
  await fits(alice, "the shelf");
  await alice.page.goto(`${server.origin}/#/book/1661`);
  await alice.page.getByRole("button", { name: "Come in" }).waitFor();
  await fits(alice, "the way in");
  await alice.enterByLink(shelf.alice);
  await fits(alice, "an empty room");

  const mina = await stage.reader(server, "Mina ".repeat(12).trim(), PHONE);
  await mina.enterByLink(shelf.alice);
  const texts = ["A word without an end: " + "Curiouser".repeat(40), `https://example.org/${"a-long-way/".repeat(30)}`, "Short"];
  for (const text of texts) await mina.write(text);
  await alice.sees(texts);
  await fits(alice, "a room");
  await fits(mina, "a room with own messages");
  const sideways = await alice.log.evaluate((log) => log.scrollWidth - log.clientWidth);
  assert.ok(sideways <= 0, `the log can be moved sideways by ${sideways} px`);
  const box = await alice.composer.boundingBox();
  assert.ok(box.y + box.height <= PHONE.viewport.height, "the message box is on the screen");

  await alice.page.getByRole("button", { name: /here: who, and about the book$/ }).click();
  await alice.page.getByRole("complementary", { name: "About this room" }).waitFor();
  await fits(alice, "who is here");
});

/** Presses Tab until `target` has the focus. */
async function tabTo(reader, what, target, key = "Tab") {
  const focused = () => target.evaluateAll((all) => all.includes(document.activeElement));
  const seen = [];
  for (let presses = 0; presses < 60; presses++) {
    if (await focused()) return;
    await reader.page.keyboard.press(key);
    seen.push(await reader.page.evaluate(() => document.activeElement?.outerHTML.slice(0, 80)));
  }
  assert.fail(`${key} does not reach ${what}; it went to:\n${seen.join("\n")}`);
}

async function fits(reader, where) {
  const { wide, screen, out } = await reader.page.evaluate((width) => {
    const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth);
    const boxes = [...document.querySelectorAll("body *")].map((element) => [element, element.getBoundingClientRect()]);
    const beyond = boxes.filter(([, { right, width: own }]) => own > 0 && right > width + 1);
    const out = beyond.slice(0, 5).map(([{ tagName, className }, { right }]) => `${tagName}.${className} to ${right}`);
    return { wide, screen: width, out };
  }, PHONE.viewport.width);
  assert.ok(wide <= screen, `${where} is ${wide} px wide on ${screen} px: ${out.join(", ")}`);
}
