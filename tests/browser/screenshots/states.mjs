// States of a room that come and go, for the pictures: brought about as readers bring them about.

import { refuse } from "../harness/refuse.mjs";
import { until } from "../harness/until.mjs";

/** Something the server will not take, so that there is a picture of it. */
export const refused = "Off with their heads!";

/** To be called before the reader's page is opened. */
export function refuseRude(reader) {
  return refuse(reader, "message", ({ content }) => content === refused, {
    code: "forbidden",
    message: "not in this room",
  });
}

const line = async ({ page }) => (await page.locator(".typing").textContent()).trim();

/** Has `readers` write until `witness` is told so. What came before must be over, and the server tells at most twice a second. */
export async function showWriting(witness, words, ...readers) {
  await until("nobody is writing", () => line(witness), "");
  // One after the other: they are named in the order they began.
  for (const [index, { name }] of readers.entries()) {
    const write = async () => {
      for (const { composer } of readers.slice(0, index + 1)) await composer.press("x");
      return line(witness);
    };
    await until(`${witness.name} is told that ${name} is writing`, write, (text) => text.includes(name));
  }
  await until(`${witness.name} is told: ${words}`, () => line(witness), words);
}

/** The reader points at an own message. */
export async function pointAt(reader, text) {
  await reader.message(text).getByTestId("content").hover();
}
