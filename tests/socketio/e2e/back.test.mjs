// The way over, and the way back: the history goes with it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { MongoClient, ObjectId } from "mongodb";
import { serverBinary } from "../../browser/harness/needs.mjs";
import { documents } from "../harness/back.mjs";
import { story } from "../harness/stage.mjs";

const run = promisify(execFile);

story("a collection is imported, talked on, and brought back with its ids", async (stage) => {
  const gateway = await stage.store("mongod");
  const client = await MongoClient.connect(gateway);
  const store = await stage.store("sqlite");
  try {
    const at = (second) => new Date(Date.UTC(2024, 2, 15, 14, 32, second));
    const old = [1, 2, 3].map((n) => ({
      _id: new ObjectId(),
      bookId: 28520,
      userId: "64a1f3c2e4b0a1234567890a",
      username: "alice",
      content: `old ${n}`,
      createdAt: at(n),
      updatedAt: at(n),
      __v: 0,
    }));
    await client.db().collection("messages").insertMany(old);
    await run(serverBinary(), ["import-messages", "--from", gateway, "--store", store]);

    const server = await stage.server({ store });
    const phone = stage.phone(server);
    const history = await phone.join("28520", "u1", "bob");
    assert.deepEqual(history.map(({ content, clientMessageId }) => [content, clientMessageId]), old.toReversed().map(({ content, _id }) => [content, String(_id)]));
    await phone.ask("chatMessage", { bookId: 28520, content: "new" });
    await phone.ask("chatMessage", { bookId: 28520, content: "withdrawn" });
    await phone.ask("deleteMessage", { bookId: 28520, messageId: "28520-5" });
    await phone.ask("editMessage", { bookId: 28520, messageId: "28520-4", content: "new, better" });
    await phone.ask("chatMessage", { bookId: 7, userId: "u1", username: "bob", content: "elsewhere" });
    phone.close();
    await server.drain();

    const back = await documents(store);
    const words = back.map(({ bookId, username, content, __v }) => [bookId, username, content, __v]);
    assert.deepEqual(words, [
      [7, "bob", "elsewhere", 0],
      ...old.map(({ content }) => [28520, "alice", content, 0]),
      [28520, "bob", "new, better", 0],
    ]);
    assert.deepEqual(back.slice(1, 4).map(({ _id, createdAt }) => [_id.$oid, createdAt.$date]), old.map(({ _id, createdAt }) => [String(_id), createdAt.toISOString()]));
    const made = createHash("sha256").update("28520-4").digest("hex").slice(0, 24);
    assert.equal(back[4]._id.$oid, made);
    assert.ok(back[4].updatedAt.$date > back[4].createdAt.$date);
  } finally {
    await client.close();
  }
});
