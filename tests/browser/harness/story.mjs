// The frame of every test: what it starts ends with it, and what the watch has seen counts as much as what it asserts.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser } from "./browser.mjs";
import { Stage } from "./stage.mjs";

const STORY_MS = 180_000;

after(closeBrowser);

export function story(title, tell) {
  test(title, { timeout: STORY_MS }, async () => {
    const stage = new Stage();
    try {
      await tell(stage);
    } catch (error) {
      throw await stage.explained(error);
    } finally {
      await stage.close();
    }
    assert.deepEqual(stage.watch.problems, [], "the pages did something that no page may");
  });
}
