// From the log back to the `messages` collection of a Mongoose chat:
//
//   readrealm-server log export --without-deleted-words | node messages-back.mjs \
//     | mongoimport --uri mongodb://localhost/readrealm --collection messages --mode merge
//
// One document for each message that stands, as last edited. What came from the collection has its own `_id` again; another gets one
// that is made of its place, so that the command may be repeated.

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const OBJECT_ID = /^[0-9a-f]{24}$/;

let book;
let messages = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  if (!event.type) continue; // the line about the log, and the line that counts
  if (event.bookId !== book) finish(event.bookId);
  const { place, at, by, data } = event;
  if (event.type === "MessagePosted") messages.set(place, { place, key: data.clientMessageId, by, at, data });
  if (event.type === "MessageEdited" && messages.has(place)) {
    const posted = messages.get(place);
    posted.data = { ...posted.data, content: data.content };
    posted.editedAt = at;
  }
  if (event.type === "MessageDeleted") messages.delete(place);
}
finish();

/** Writes the room that was read; the export has the rooms one by one. */
function finish(next) {
  for (const { place, key, by, at, editedAt, data } of messages.values()) {
    const made = createHash("sha256").update(`${book}-${place}`).digest("hex").slice(0, 24);
    const document = {
      _id: { $oid: OBJECT_ID.test(key ?? "") ? key : made },
      bookId: book,
      userId: by,
      username: data.username,
      content: data.content,
      createdAt: { $date: at },
      updatedAt: { $date: editedAt ?? at },
      __v: 0,
    };
    console.log(JSON.stringify(document));
  }
  book = next;
  messages = new Map();
}
