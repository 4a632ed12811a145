// What one can do to one's own messages, as the others see it.

import assert from "node:assert/strict";
import { clean } from "../harness/axe.mjs";
import { shelf } from "../harness/reader.mjs";
import { refuse } from "../harness/refuse.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

story("an edit is seen by the other, and marked as one", async (stage) => {
  const { alice, edmond } = await pair(stage);
  for (const text of ["The Hatter is mad", "The Hare is worse"]) await alice.write(text);
  await edmond.sees(["The Hatter is mad", "The Hare is worse"]);
  assert.equal(await edmond.log.getByRole("button").count(), 0, "what others wrote cannot be changed");

  await alice.press("The Hatter is mad", "Edit");
  assert.equal(await alice.editor.inputValue(), "The Hatter is mad");
  await clean(alice, "a message being edited");
  await alice.editor.fill("The Hatter is as mad as a hatter");
  const place = () => edmond.message("The Hare is worse").boundingBox();
  const before = await place();
  await alice.editor.press("Enter");
  for (const reader of [alice, edmond]) {
    await reader.sees(["The Hatter is as mad as a hatter", "The Hare is worse"]);
    await reader.message("The Hatter is as mad as a hatter").getByText("edited", { exact: true }).waitFor();
    assert.equal(await reader.message("The Hare is worse").getByText("edited").count(), 0);
  }
  assert.deepEqual(await place(), before, "the mark moves nothing");
  assert.ok(await focused(alice.composer), "the focus is back in the message box");
});

story("the arrow up in an empty box edits the last own message, Escape leaves it", async (stage) => {
  const { alice, edmond } = await pair(stage);
  await alice.write("Off with his head");
  await edmond.sees(["Off with his head"]);
  await edmond.write("Whose?");
  await alice.sees(["Off with his head", "Whose?"]);
  const { keyboard } = alice.page;

  await alice.composer.focus();
  await keyboard.press("ArrowUp");
  await alice.editor.waitFor();
  assert.ok(await focused(alice.editor));
  await keyboard.type("!!!");
  await keyboard.press("Escape");
  await alice.editor.waitFor({ state: "detached" });
  await alice.sees(["Off with his head", "Whose?"]);
  assert.ok(await focused(alice.composer));

  await keyboard.press("ArrowUp");
  await alice.editor.waitFor();
  await keyboard.type("!");
  await keyboard.press("Enter");
  await edmond.sees(["Off with his head!", "Whose?"]);
  // In a box with words the arrow is the box's own.
  await keyboard.type("And");
  await keyboard.press("ArrowUp");
  assert.equal(await alice.editor.count(), 0);
});

story("a delete asks once, and takes the message from both pages", async (stage) => {
  const { alice, edmond } = await pair(stage);
  for (const text of ["I said nothing", "I said something"]) await alice.write(text);
  await edmond.sees(["I said nothing", "I said something"]);

  await alice.press("I said nothing", "Delete");
  const question = alice.log.getByRole("group", { name: "Delete this message?" });
  await question.waitFor();
  await clean(alice, "the question before a delete");
  await question.getByRole("button", { name: "Keep" }).click();
  await question.waitFor({ state: "detached" });
  await alice.sees(["I said nothing", "I said something"]);

  // By keys: from the message box back to the newest own message, up to the one before, and through the question.
  const { keyboard } = alice.page;
  await alice.composer.focus();
  await keyboard.press("Shift+Tab");
  assert.ok(await focused(alice.message("I said something").getByRole("button", { name: "Delete" })));
  await keyboard.press("ArrowUp");
  assert.ok(await focused(alice.message("I said nothing").getByRole("button", { name: "Delete" })));
  await keyboard.press("Enter");
  await question.waitFor();
  await keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  await until("the focus is back", () => focused(alice.message("I said nothing").getByRole("button", { name: "Delete" })), true);
  await keyboard.press("Enter");
  await question.waitFor();
  await keyboard.press("Enter");
  await alice.sees(["I said something"]);
  await edmond.sees(["I said something"]);
});

story("a message that is refused says so, and can be tried again or let go", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  let refusing = true;
  const no = { code: "forbidden", message: "not today" };
  await refuse(alice, "message", ({ content }) => refusing && content.startsWith("Please"), no);
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);

  await alice.write("Please pass the butter");
  await alice.write("Please pass the salt");
  const failed = alice.message("Please pass the butter");
  await failed.getByText("Not sent.").waitFor();
  await alice.message("Please pass the salt").getByText("Not sent.").waitFor();
  await clean(alice, "messages that failed");
  await alice.write("Nobody listens");
  await edmond.sees(["Nobody listens"]);

  refusing = false;
  await failed.getByRole("button", { name: "Try again" }).click();
  await edmond.sees(["Nobody listens", "Please pass the butter"]);
  await alice.message("Please pass the salt").getByRole("button", { name: "Discard" }).click();
  await alice.sees(["Nobody listens", "Please pass the butter"]);
});

story("the words of a refused message are in the message box after the room was left", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await refuse(alice, "message", () => true, { code: "forbidden", message: "not today" });
  await alice.enter(shelf.alice);
  await alice.write("Words I would not lose");
  await alice.message("Words I would not lose").getByText("Not sent.").waitFor();
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  await alice.turnTo(shelf.alice);
  await alice.arrived(shelf.alice);
  await alice.sees([]);
  assert.equal(await alice.composer.inputValue(), "Words I would not lose");
});

story("an edit that is refused leaves the old words, and says so", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  await refuse(alice, "editMessage", () => true, { code: "too_many_edits", message: "this message was changed too often" });
  await alice.enter(shelf.alice);
  await alice.write("As it was");
  await alice.sees(["As it was"]);
  await alice.press("As it was", "Edit");
  await alice.editor.fill("As it will not be");
  await alice.editor.press("Enter");
  await alice.log.getByText("Not changed.").waitFor();
  await alice.sees(["As it was"]);
  await alice.log.getByRole("button", { name: "Leave it" }).click();
  await alice.log.getByText("Not changed.").waitFor({ state: "detached" });
});

story("the words of a refused edit outlive leaving the room, and a reload", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  let refusing = true;
  await refuse(alice, "editMessage", () => refusing, { code: "forbidden", message: "not today" });
  await alice.enter(shelf.alice);
  await alice.write("As it was");
  await alice.sees(["As it was"]);
  await alice.press("As it was", "Edit");
  await alice.editor.fill("Words I would not lose");
  await alice.editor.press("Enter");
  const told = alice.log.getByText("Not changed.");
  await told.waitFor();
  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  assert.equal(await told.count(), 0);
  await alice.turnTo(shelf.alice);
  await alice.arrived(shelf.alice);
  await told.waitFor();
  await alice.page.reload();
  await alice.arrived(shelf.alice);
  await told.waitFor();
  refusing = false;
  await alice.message("As it was").getByRole("button", { name: "Try again" }).click();
  await alice.sees(["Words I would not lose"]);
  await told.waitFor({ state: "detached" });
  await alice.page.reload();
  await alice.arrived(shelf.alice);
  await alice.sees(["Words I would not lose"]);
  assert.equal(await told.count(), 0);
});

story("an edit that an earlier page left and the server refuses is told of, with its words", async (stage) => {
  const server = await stage.server({ store: await stage.store("sqlite") });
  const alice = await stage.reader(server, "Alice");
  let mode = "swallow";
  await refuse(alice, "editMessage", () => mode === "refuse", { code: "message_not_found", message: "there is no such message" }, () => mode === "swallow");
  await alice.enter(shelf.alice);
  await alice.write("As it was");
  await alice.sees(["As it was"]);
  await alice.press("As it was", "Edit");
  await alice.editor.fill("Written in the tunnel");
  await alice.editor.press("Enter");
  await alice.log.getByText("Saving…").waitFor();
  mode = "refuse";
  await alice.page.reload();
  await alice.arrived(shelf.alice);
  await alice.log.getByText("Not changed.").waitFor();
  await clean(alice, "a change of an earlier page that was refused");
  await alice.sees(["As it was"]);

  // The message goes: its words have no place in the log any more, and are offered all the same.
  const other = await stage.tabOf(alice);
  await other.page.goto(`${server.origin}/#/book/${shelf.alice.id}`);
  await other.arrived(shelf.alice);
  await other.press("As it was", "Delete");
  await other.log.getByRole("button", { name: "Delete", exact: true }).last().click();
  await alice.sees([]);
  const trouble = alice.page.getByRole("form", { name: "Write a message" });
  await trouble.getByText("Written in the tunnel").waitFor();
  await clean(alice, "new words of a message that is gone");
  await trouble.getByRole("button", { name: "Put it into the box" }).click();
  assert.equal(await alice.composer.inputValue(), "Written in the tunnel");
});

async function pair(stage) {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  return { alice, edmond };
}

const focused = (target) => target.evaluate((element) => element === document.activeElement);
