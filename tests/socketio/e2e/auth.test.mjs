// Tokens, on this transport as on the other.

import assert from "node:assert/strict";
import { badTokens, mint } from "../harness/bad-tokens.mjs";
import { ways } from "../harness/phone.mjs";
import { SECRET, token } from "../harness/server.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const FLAGS = ["--auth-secret", SECRET];
const SHORT_MS = 3_000;

story("a handshake without a token, or with a bad one, is refused with the reason", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const good = await token("u1");
  for (const [auth, reason] of [
    [undefined, /^a token is needed: auth: \{ token \}$/],
    [{ token: 5 }, /^a token is needed/],
    [{ token: "nonsense" }, /^this is no signed JWT/],
    [{ token: `${good.slice(0, -4)}AAAA` }, /^the token's signature is not one of this server's key$/],
  ]) {
    const phone = stage.phone(server, { auth });
    await until("it is refused", () => phone.refusals.length, 1);
    assert.match(phone.refusals[0].message, reason);
    assert.deepEqual(phone.refusals[0].data, { code: "unauthorized" });
    assert.equal(phone.connects, 0);
  }
  const old = stage.phone(server, { version: 2, query: { token: "nonsense" } });
  await until("version 2 is refused", () => old.refusals.length, 1);
  assert.match(old.refusals[0], /^this is no signed JWT/);
  const renewed = stage.phone(server, { version: 2, query: { token: good }, transports: ways.polling });
  assert.equal((await renewed.hears("authenticated")).userId, "u1");
});

story("every token that is refused at /ws is refused here, in the same words, and opens nothing", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const named = await stage.server({ flags: [...FLAGS, "--auth-audience", "chat"] });
  const all = badTokens();
  assert.ok(all.length > 35, "the table is read");
  for (const { what, says, audience, token } of all) {
    const phone = stage.phone(audience ? named : server, { auth: { token } });
    phone.emit("joinRoom", { bookId: 7, userId: "ann" });
    await until(`${what} is refused`, () => phone.refusals.length, 1);
    assert.ok(phone.refusals[0].message.includes(says), `${what}: ${phone.refusals[0].message}`);
    assert.deepEqual([phone.refusals[0].data, phone.connects, phone.heard], [{ code: "unauthorized" }, 0, []], what);
    phone.close();
  }
  // By the other ways in, one for each reason.
  for (const transports of [ways.polling, ways.upgrade]) {
    for (const { what, token } of all.filter(({ audience, says, token }) => says && !audience && token.length < 1_000)) {
      const phone = stage.phone(server, { auth: { token }, transports });
      await until(`${what} is refused by ${transports}`, () => phone.refusals.length, 1);
      assert.equal(phone.connects, 0, what);
      phone.close();
    }
  }
  const taken = stage.phone(named, { auth: { token: mint({ claims: { aud: ["billing", "chat"] } }) } });
  await taken.join(7);
});

story("a message is changed by its author and by moderators of the room, and by nobody else", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const as = async (...claims) => stage.phone(server, { auth: { token: await token(...claims) } });
  const author = await as("u1");
  const other = await as("u2");
  const elsewhere = await as("m", "--moderator", "--rooms", "8");
  await author.join(7);
  await other.join(7);
  await author.ask("chatMessage", { bookId: 7, content: "mine" });
  for (const [event, data] of [["editMessage", { content: "yours" }], ["deleteMessage", {}]]) {
    for (const [phone, refusal] of [[other, "forbidden"], [elsewhere, "not_joined"]]) {
      phone.heard = [];
      phone.emit(event, { bookId: 7, messageId: "7-1", userId: "u1", ...data });
      assert.equal((await phone.hears("exception")).code, refusal, event);
    }
  }
  const late = await as("u3");
  const [message] = await late.join(7);
  assert.deepEqual([message.content, message.userId], ["mine", "u1"]);
});

story("the token says who it is, and which rooms it opens", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const auth = { token: await token("u1", "--name", "Alice", "--rooms", "7") };
  const phone = stage.phone(server, { auth });
  await phone.hears("authenticated", ({ userId, username }) => userId === "u1" && username === "Alice");
  await phone.join("7", "somebody", "else");
  assert.equal((await phone.hears("userJoined")).username, "Alice");
  await phone.ask("chatMessage", { bookId: 7, userId: "somebody", username: "else", content: "mine" });
  const { userId, username } = await phone.hears("newMessage");
  assert.deepEqual([userId, username], ["u1", "Alice"]);
  phone.emit("joinRoom", { bookId: 8 });
  assert.equal((await phone.hears("exception")).code, "forbidden");

  const moderator = stage.phone(server, { auth: { token: `Bearer ${await token("m", "--moderator")}` } });
  await moderator.join(7);
  await moderator.ask("deleteMessage", { bookId: 7, messageId: "7-1" });
  await phone.hears("messageDeleted");
});

story("a message brings nobody into a room outside the token, whether they were in it or not", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const witness = stage.phone(server, { auth: { token: await token("w") } });
  await witness.join(7);
  await witness.join(8);
  const phone = stage.phone(server, { auth: { token: await token("u1", "--rooms", "7") } });
  await phone.join(7);
  const isRefused = async (bookId) => {
    phone.heard = [];
    phone.emit("chatMessage", { bookId, userId: "w", username: "w", content: "let me in" });
    const { code, cause } = await phone.hears("exception");
    assert.deepEqual([code, cause.pattern], ["forbidden", "chatMessage"]);
  };
  await isRefused(8);
  // It was never in, and leaving makes it no other.
  phone.emit("leaveRoom", { bookId: 8 });
  await phone.hears("exception", ({ code }) => code === "not_joined");
  await isRefused(8);
  // Who has left says a last word where the token opens the room…
  await phone.ask("leaveRoom", { bookId: 7 });
  assert.equal((await phone.ask("chatMessage", { bookId: 7, content: "a last word" })).seq, 1);
  // …and not where it does so no more.
  await phone.ask("authenticate", { token: await token("u1", "--rooms", "9") });
  await isRefused(7);
  // Nothing was said, nobody came, and who was refused hears nothing.
  await witness.ask("chatMessage", { bookId: 7, content: "7" });
  await witness.ask("chatMessage", { bookId: 8, content: "8" });
  assert.deepEqual(await witness.hearsMessages(3), ["a last word", "7", "8"]);
  const others = witness.all("userJoined").filter(({ userId, bookId }) => userId !== "w" && bookId === 8);
  assert.deepEqual(others, []);
  assert.deepEqual(phone.all("newMessage"), []);
});

story("a renewed token prolongs the session, and names the rooms it left", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const phone = stage.phone(server, { auth: { token: await token("u1", "--expires-in", "5s") } });
  await phone.join(7);
  await phone.join(8);
  phone.emit("authenticate", { token: await token("u2") });
  assert.match((await phone.hears("exception")).message, /another user's/);
  const renewed = await phone.ask("authenticate", { token: await token("u1", "--name", "Alice", "--rooms", "8") });
  assert.deepEqual([renewed.username, renewed.leftRooms], ["Alice", [7]]);
  const other = stage.phone(server, { auth: { token: await token("o") } });
  await other.join(7);
  await other.join(8);
  await other.ask("chatMessage", { bookId: 7, content: "not for everybody" });
  await other.ask("chatMessage", { bookId: 8, content: "for everybody" });
  await phone.hears("newMessage", ({ content }) => content === "for everybody");
  assert.equal(phone.all("newMessage").length, 1);
  assert.deepEqual(phone.ends, []);
});

for (const [way, transports] of Object.entries(ways)) {
  story(`a session ends with its token, says so, and comes back with another, by ${way}`, async (stage) => {
    const server = await stage.server({ flags: FLAGS });
    let shown = 0;
    const auth = async (show) => show({ token: await token("u1", "--expires-in", shown++ === 0 ? `${SHORT_MS}ms` : "1h") });
    const phone = stage.phone(server, { transports, auth });
    await phone.join(7);
    const { code, message, status } = await phone.hears("exception");
    assert.deepEqual([status, code, message], ["error", "unauthorized", "the token has expired; come back with a new one"]);
    await until("it is back", () => phone.connects, 2);
    assert.equal(phone.ends.length, 1);
    assert.notEqual(phone.ends[0], "io server disconnect");
    await phone.join(7);
  });
}

story("an app whose token does not change is told to show another, and comes back with it", async (stage) => {
  const server = await stage.server({ flags: FLAGS });
  const auth = { token: await token("u1", "--expires-in", `${SHORT_MS}ms`) };
  const phone = stage.phone(server, { auth });
  await phone.join(7);
  await until("it is refused", () => phone.refusals.map(({ data }) => data), [{ code: "unauthorized" }]);
  assert.equal(phone.socket.active, false, "its library has given up");
  auth.token = await token("u1");
  phone.socket.connect();
  await until("it is back", () => phone.connects, 2);
  await phone.join(7);
});

story("a revoked user is told, and stays away", async (stage) => {
  const store = await stage.store("sqlite");
  const admin = "another secret, which is long enough too";
  const server = await stage.server({ store, flags: [...FLAGS, "--admin-secret", admin] });
  const phone = stage.phone(server, { auth: { token: await token("u1") } });
  await phone.join(7);
  const revoked = await fetch(`${server.origin}/admin/revocations`, {
    method: "POST",
    headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
    body: JSON.stringify({ user: "u1", ban: true }),
  });
  assert.ok(revoked.ok, await revoked.text());
  assert.match((await phone.hears("exception")).message, /revoked/);
  await until("it is out", () => phone.ends, ["io server disconnect"]);
  phone.socket.connect();
  await until("it is refused", () => phone.refusals.length, 1);
  assert.match(phone.refusals[0].message, /revoked/);
});
