// Coming back to a room, and finding what is new in it.

import assert from "node:assert/strict";
import { clean } from "../harness/axe.mjs";
import { shelf } from "../harness/reader.mjs";
import { speak } from "../harness/speak.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const old = Array.from({ length: 12 }, (_, n) => `Old news ${n + 1}`);
const fresh = Array.from({ length: 30 }, (_, n) => `News ${n + 1}`);

story("who comes back finds what is new behind a line, and goes on from there", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  const divider = alice.log.getByText("New since you were here");
  for (const text of old) await edmond.write(text);
  await alice.sees(old);
  assert.equal(await divider.count(), 0, "what one sees come is not marked");

  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  for (const text of fresh) await edmond.write(text);
  await edmond.sees([...old, ...fresh]);
  await alice.turnTo(shelf.alice);
  await alice.arrived(shelf.alice);
  await alice.sees([...old, ...fresh]);
  await divider.waitFor();
  const after = await divider.evaluate((line) => line.nextElementSibling.querySelector("[data-testid=content]").innerText);
  assert.equal(after, fresh[0]);
  await until("the line is in view", () => inView(divider), true);
  await alice.page.getByRole("button", { name: "30 new: jump to newest" }).waitFor();
  await clean(alice, "a room with news");

  await edmond.write("And the latest");
  await alice.page.getByRole("button", { name: "31 new: jump to newest" }).waitFor();
  await alice.jump.click();
  await until("the newest is in view", () => inView(alice.message("And the latest")), true);
  await alice.jump.waitFor({ state: "hidden" });

  await alice.page.reload();
  await alice.arrived(shelf.alice);
  await alice.sees([...old, ...fresh, "And the latest"]);
  assert.equal(await divider.count(), 0, "what was read is not marked again");
  await until("a room without news opens at its end", () => inView(alice.message("And the latest")), true);
});

story("of more news than are loaded it says so, and the line stands where they begin once that is reached", async (stage) => {
  const server = await stage.server({ flags: ["--messages-per-second", "0", "--user-messages-per-second", "0"] });
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  for (const text of old) await edmond.write(text);
  await alice.sees(old);
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  // Until then she hears all that is said.
  await until("her page has let go of the room", () => edmond.page.locator(".people").getByText("Alice", { exact: true }).count(), 0);
  const many = Array.from({ length: 120 }, (_, n) => `Much news ${n + 1}`);
  await speak(edmond, shelf.alice, ["Edmond", "Mina"], many);

  await alice.turnTo(shelf.alice);
  await alice.arrived(shelf.alice);
  const divider = alice.log.getByText("New since you were here");
  const pill = alice.jump;
  await until("it says that there are more", () => pill.textContent(), (text) => /^\d+\+ new: jump to newest$/.test(text));
  assert.equal(await divider.count(), 0, "no line where the news do not begin");
  await alice.log.hover();
  const wheelUp = async () => {
    await alice.page.mouse.wheel(0, -500);
    return divider.count();
  };
  await until("the line is reached", wheelUp, 1);
  const after = await divider.evaluate((line) => line.nextElementSibling.querySelector("[data-testid=content]").innerText);
  assert.equal(after, many[0]);
  await alice.page.getByRole("button", { name: "120 new: jump to newest" }).waitFor();
});

story("beside five hundred messages a key is quick, and touches none of them", async (stage) => {
  const server = await stage.server({ flags: ["--messages-per-second", "0", "--user-messages-per-second", "0"] });
  const alice = await stage.reader(server, "Alice");
  await alice.enter(shelf.dracula);
  const entries = Array.from({ length: 500 }, (_, n) => `Entry ${n + 1}`);
  await speak(await stage.reader(server, "the speakers"), shelf.dracula, ["Jonathan", "Mina"], entries);
  await alice.sees(entries, 60_000);
  await alice.log.evaluate((log) => {
    globalThis.touched = 0;
    new MutationObserver((all) => (globalThis.touched += all.length)).observe(log, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
  const took = await alice.composer.evaluate(async (box) => {
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
    const times = [];
    for (let n = 1; n <= 41; n++) {
      const started = performance.now();
      set.call(box, "x".repeat(n));
      box.dispatchEvent(new InputEvent("input", { bubbles: true }));
      box.getBoundingClientRect();
      times.push(performance.now() - started);
      await new Promise(requestAnimationFrame);
    }
    return { usual: times.sort((a, b) => a - b)[20], touched: globalThis.touched };
  });
  assert.equal(took.touched, 0, "the log was not touched");
  assert.ok(took.usual < 16, `a key usually took ${took.usual} ms, a frame is 16`);
});

const inView = (target) =>
  target.evaluate((element) => {
    const own = element.getBoundingClientRect();
    const log = element.closest('[role="log"]').getBoundingClientRect();
    return own.top >= log.top - 1 && own.bottom <= log.bottom + 1;
  });
