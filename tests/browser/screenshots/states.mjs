// States of a room that come and go, for the pictures: brought about as readers bring them about.

import { refuse } from "../harness/refuse.mjs";

/** Something the server will not take, so that there is a picture of it. */
export const refused = "Off with their heads!";

/** To be called before the reader's page is opened. */
export function refuseRude(reader) {
  return refuse(reader, "message", ({ content }) => content === refused, {
    code: "forbidden",
    message: "not in this room",
  });
}

export async function startWriting(...readers) {
  for (const { composer } of readers) await composer.pressSequentially("Well,");
}

/** The reader points at an own message. */
export async function pointAt(reader, text) {
  await reader.message(text).getByTestId("content").hover();
}
