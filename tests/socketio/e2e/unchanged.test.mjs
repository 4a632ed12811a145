// The script of an app that knows nothing of this server: joinRoom, chatMessage, leaveRoom.

import assert from "node:assert/strict";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const BOOK = 28520;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

for (const version of [4, 3, 2]) {
  for (const [way, transports] of Object.entries(ways)) {
    story(`socket.io-client ${version} by ${way}: joins, talks, reads the history and leaves`, async (stage) => {
      const server = await stage.server({ store: await stage.store("sqlite") });
      const alice = stage.phone(server, { version, transports });
      const bob = stage.phone(server, { version, transports });

      // As the Android app does: the number is text, and nothing waits for `connect`.
      alice.emit("joinRoom", { bookId: String(BOOK), userId: "u1", username: "alice" });
      assert.deepEqual(await alice.hears("previousMessages"), []);
      const joined = await alice.hears("userJoined");
      assert.deepEqual([joined.userId, joined.username], ["u1", "alice"]);
      assert.match(joined.timestamp, TIME);

      await bob.join(BOOK, "u2", "bob");
      await alice.hears("userJoined", ({ username }) => username === "bob");
      for (const n of [1, 2, 3]) {
        alice.emit("chatMessage", { bookId: String(BOOK), userId: "u1", username: "alice", content: `A grin ${n} 😺` });
      }
      assert.deepEqual(await bob.hearsMessages(3), ["A grin 1 😺", "A grin 2 😺", "A grin 3 😺"]);
      assert.deepEqual(await alice.hearsMessages(3), ["A grin 1 😺", "A grin 2 😺", "A grin 3 😺"]);

      const [first] = bob.all("newMessage");
      const { createdAt, updatedAt, ...rest } = first;
      assert.match(createdAt, TIME);
      assert.equal(updatedAt, createdAt);
      assert.deepEqual(rest, {
        _id: `${BOOK}-1`,
        __v: 0,
        id: `${BOOK}-1`,
        seq: 1,
        bookId: BOOK,
        userId: "u1",
        username: "alice",
        content: "A grin 1 😺",
      });

      alice.emit("leaveRoom", { bookId: BOOK, username: "alice" });
      const left = await bob.hears("userLeft");
      assert.deepEqual([left.userId, left.username], ["u1", "alice"]);
      assert.match(left.timestamp, TIME);

      // Back again: the history is a bare array, the newest first, of the same objects.
      alice.heard = [];
      const history = await alice.join(BOOK, "u1", "alice");
      assert.deepEqual(history, bob.all("newMessage").reverse());
      if (way !== "polling") await until("it is on a WebSocket", () => alice.transport, "websocket");
      assert.deepEqual([alice.all("exception"), bob.all("exception"), alice.refusals, alice.ends], [[], [], [], []]);
    });
  }
}

story("a message says whose it is, also in a room that was joined as somebody else, or not at all", async (stage) => {
  const server = await stage.server();
  const phone = stage.phone(server);
  await phone.join(BOOK, "u1", "alice");
  phone.emit("chatMessage", { bookId: BOOK, userId: "u2", username: "bob", content: "as bob" });
  phone.emit("chatMessage", { bookId: BOOK, content: "as who joined" });
  phone.emit("message", { bookId: BOOK, userId: "u1", username: "Alice L.", content: "under another name" });
  await phone.hearsMessages(3);
  assert.deepEqual(
    phone.all("newMessage").map(({ userId, username }) => [userId, username]),
    [["u2", "bob"], ["u1", "alice"], ["u1", "Alice L."]],
  );

  // Another user of the same phone, who joins the same room on the same connection.
  phone.heard = [];
  await phone.join(BOOK, "u4", "dave");
  phone.emit("chatMessage", { bookId: BOOK, userId: "u4", username: "dave", content: "as dave" });
  assert.deepEqual((await phone.hears("newMessage")).userId, "u4");

  // After a reconnect an app that joins once, when its page opens, goes on talking: it is in the room again.
  const again = stage.phone(server);
  again.emit("chatMessage", { bookId: BOOK, userId: "u3", username: "carol", content: "not joined" });
  assert.equal((await again.hears("newMessage")).content, "not joined");
  assert.equal((await again.hears("previousMessages")).length, 4);
  await phone.hears("userJoined", ({ userId }) => userId === "u3");
  phone.emit("chatMessage", { bookId: BOOK, content: "welcome" });
  await again.hears("newMessage", ({ content }) => content === "welcome");
});

story("who has left a room says a last word in it, and stays out", async (stage) => {
  const server = await stage.server();
  const [phone, other] = [stage.phone(server), stage.phone(server)];
  await phone.join(BOOK, "u1", "alice");
  await other.join(BOOK, "u2", "bob");
  await phone.ask("leaveRoom", { bookId: BOOK, username: "alice" });
  phone.heard = [];
  const said = { bookId: BOOK, userId: "u1", username: "alice", content: "goodbye" };
  assert.equal((await phone.ask("chatMessage", said)).seq, 1);
  phone.emit("chatMessage", { ...said, content: "really" });
  assert.deepEqual(await other.hearsMessages(2), ["goodbye", "really"]);
  await other.ask("chatMessage", { bookId: BOOK, content: "gone?" });
  await phone.join(BOOK, "u1", "alice");
  assert.deepEqual(phone.heard.map(([event]) => event), ["previousMessages", "userJoined"], "it heard nothing before");
  assert.equal((await other.ask("joinRoom", { bookId: BOOK, userId: "u2" })).members.count, 2);
});

story("a message for a room that cannot be joined is refused once, with the reason", async (stage) => {
  const server = await stage.server({ flags: ["--joins-per-second", "1", "--join-burst", "1"] });
  const phone = stage.phone(server);
  for (const bookId of [1, 2]) phone.emit("chatMessage", { bookId, userId: "u1", username: "alice", content: "words" });
  await phone.hears("exception");
  phone.emit("chatMessage", { bookId: 1, content: "more" });
  await phone.hearsMessages(2);
  const [{ retryAfterMs, message, ...refused }, ...more] = phone.all("exception");
  assert.deepEqual([refused, more], [{ status: "error", code: "rate_limited", cause: { pattern: "chatMessage" } }, []]);
  assert.match(message, /joins too fast/);
  assert.ok(retryAfterMs > 0 && retryAfterMs <= 1_001, retryAfterMs);
});

story("the id that an app may show around is not the one that speaks for it", async (stage) => {
  const server = await stage.server();
  for (const transports of Object.values(ways)) {
    const phone = stage.phone(server, { transports });
    await phone.join(BOOK, "u1");
    assert.equal(phone.socket.id.length, 16);
    assert.notEqual(phone.socket.id, phone.socket.io.engine.id);
  }
});

story("a callback is called when what was asked is done, and a refusal is an exception", async (stage) => {
  const server = await stage.server();
  const phone = stage.phone(server);
  const { epoch, ...joined } = await phone.ask("joinRoom", { bookId: "7", userId: "u1", username: "alice" });
  assert.equal(typeof epoch, "string");
  const members = { count: 1, users: [{ userId: "u1", username: "alice" }] };
  assert.deepEqual(joined, { bookId: 7, seq: 0, hasMore: false, members });

  const sent = await phone.ask("chatMessage", { bookId: "7", content: "durable", clientMessageId: "k1" });
  assert.deepEqual({ ...sent, createdAt: 0 }, { messageId: "7-1", seq: 1, createdAt: 0, duplicate: false });
  const repeated = await phone.ask("chatMessage", { bookId: "7", content: "durable", clientMessageId: "k1" });
  assert.deepEqual(repeated, { ...sent, duplicate: true });
  assert.deepEqual(await phone.ask("typing", { bookId: "7", typing: true }), {});

  let called = false;
  phone.socket.emit("chatMessage", { bookId: 7, content: " " }, () => (called = true));
  assert.deepEqual(await phone.hears("exception"), {
    status: "error",
    code: "invalid_data",
    message: "chatMessage: content must be 1 to 4000 characters after trimming",
    cause: { pattern: "chatMessage" },
  });
  for (const bookId of ["x", 8]) phone.socket.emit("typing", { bookId, typing: true }, () => (called = true));
  await phone.hears("exception", ({ code }) => code === "not_joined");
  const refused = phone.all("exception").map(({ code, cause }) => [code, cause.pattern]);
  assert.deepEqual(refused.slice(1), [["invalid_data", "typing"], ["not_joined", "typing"]]);
  assert.deepEqual(await phone.ask("leaveRoom", { bookId: 7 }), {});
  assert.equal(called, false);
  assert.equal(phone.all("newMessage").length, 1);
});

story("older messages and who is writing are there for apps that ask", async (stage) => {
  const server = await stage.server();
  const [alice, bob] = [stage.phone(server), stage.phone(server)];
  await alice.join(7, "u1", "alice");
  await bob.join(7, "u2", "bob");
  for (let n = 1; n <= 5; n++) await alice.ask("chatMessage", { bookId: 7, content: `${n}` });
  const page = await bob.ask("loadPrevious", { bookId: "7", before: 4, limit: 2 });
  assert.deepEqual([page.bookId, page.hasMore, page.messages.map(({ _id, __v }) => [_id, __v])], [7, true, [["7-3", 0], ["7-2", 0]]]);
  assert.deepEqual(await bob.hears("messagesPage"), page);
  alice.emit("typing", { bookId: "7", typing: true });
  assert.deepEqual(await bob.hears("typing"), { bookId: 7, userId: "u1", username: "alice", typing: true });
});
