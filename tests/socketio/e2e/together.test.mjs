// Phones and browsers share rooms: the same messages, in the same order, and the same people.

import assert from "node:assert/strict";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

const BOOK = 84;
const EACH = 40;

for (const engine of ["sqlite", "mongod"]) {
  story(`a browser and phones that talk at once are told one order, on ${engine}`, async (stage) => {
    const server = await stage.server({ store: await stage.store(engine) });
    const phones = Object.values(ways).map((transports) => stage.phone(server, { transports }));
    const browser = await stage.browser(server);
    await browser.ask("joinRoom", { bookId: BOOK, userId: "b", username: "browser" });
    for (const [n, phone] of phones.entries()) await phone.join(BOOK, `p${n}`);
    await Promise.all([
      ...phones.map(async (phone, n) => {
        for (let i = 0; i < EACH; i++) await phone.ask("chatMessage", { bookId: BOOK, userId: `p${n}`, username: `p${n}`, content: `${n}.${i}` });
      }),
      (async () => {
        for (let i = 0; i < EACH; i++) await browser.ask("message", { bookId: BOOK, content: `b.${i}` });
      })(),
    ]);
    const all = (phones.length + 1) * EACH;
    await until("the browser has heard all", () => browser.all("message").length, all);
    const order = browser.all("message").map(({ seq }) => seq);
    assert.deepEqual(order, Array.from({ length: all }, (_, n) => n + 1));
    for (const phone of phones) {
      await phone.hearsMessages(all);
      const heard = phone.all("newMessage").map(({ _id, __v, ...message }) => {
        assert.deepEqual([_id, __v], [message.id, 0]);
        return message;
      });
      assert.deepEqual(heard, browser.all("message"));
    }
    const late = stage.phone(server);
    const history = await late.join(BOOK, "late");
    assert.deepEqual(history.map(({ seq }) => seq), order.reverse().slice(0, 50));
  });
}

story("who comes, goes and drops is the same for both", async (stage) => {
  const server = await stage.server();
  const watcher = stage.phone(server);
  const browser = await stage.browser(server);
  await browser.ask("joinRoom", { bookId: BOOK, userId: "b", username: "browser" });
  await watcher.join(BOOK, "w", "watcher");
  const second = stage.phone(server, { transports: ways.polling });
  const third = stage.phone(server, { reconnection: false });
  await second.join(BOOK, "s", "second");
  await third.join(BOOK, "t", "third");
  second.emit("leaveRoom", { bookId: BOOK, username: "second" });
  await browser.hears("userLeft", ({ userId }) => userId === "s");
  const dropped = Date.now();
  third.socket.io.engine.close();
  await watcher.hears("userLeft", ({ userId }) => userId === "t");
  assert.ok(Date.now() - dropped > 9_000, "a dropped connection has ten seconds to come back");
  browser.close();
  await watcher.hears("userLeft", ({ userId }) => userId === "b");

  const moves = (all) => all.filter(({ userId }) => userId !== "w" && userId !== "b").map(({ username }) => username);
  for (const event of ["userJoined", "userLeft"]) assert.deepEqual(moves(watcher.all(event)), ["second", "third"]);
  assert.deepEqual(moves(browser.all("userJoined")), ["second", "third"]);
  const { timestamp, ...moved } = watcher.all("userJoined").find(({ userId }) => userId === "s");
  assert.deepEqual(moved, { bookId: BOOK, userId: "s", username: "second" });
  assert.deepEqual(watcher.all("userJoined")[0].userId, "w", "the joiner hears its own");
  assert.deepEqual(second.all("userLeft"), [], "and who leaves hears nothing more");
});

story("edits and deletes made by a browser reach the phones, and one by a phone the browser", async (stage) => {
  const server = await stage.server({ store: await stage.store("mongod") });
  const browser = await stage.browser(server);
  const phones = [stage.phone(server), stage.phone(server, { transports: ways.polling }), stage.phone(server, { version: 2 })];
  await browser.ask("joinRoom", { bookId: BOOK, userId: "u1", username: "alice" });
  for (const [n, phone] of phones.entries()) await phone.join(BOOK, `p${n}`);
  for (const content of ["first", "second"]) await browser.ask("message", { bookId: BOOK, content });
  await browser.ask("editMessage", { bookId: BOOK, messageId: "84-1", content: "first, better" });
  await browser.ask("deleteMessage", { bookId: BOOK, messageId: "84-2" });
  for (const phone of phones) {
    assert.deepEqual(await phone.hears("messageDeleted"), { _id: "84-2", bookId: BOOK, messageId: "84-2" });
    const edited = await phone.hears("messageEdited");
    assert.deepEqual([edited._id, edited.__v, edited.seq, edited.content], ["84-1", 0, 1, "first, better"]);
    assert.deepEqual(phone.heard.slice(-4).map(([event]) => event), ["newMessage", "newMessage", "messageEdited", "messageDeleted"]);
  }
  const { messageId } = await phones[0].ask("chatMessage", { bookId: BOOK, content: "a phone's" });
  await phones[0].ask("editMessage", { bookId: String(BOOK), messageId, content: "a phone's, better" });
  assert.equal((await browser.hears("messageEdited", ({ seq }) => seq === 5)).content, "a phone's, better");
  phones[1].emit("deleteMessage", { bookId: BOOK, messageId });
  const refused = await phones[1].hears("exception");
  assert.deepEqual([refused.code, refused.cause], ["forbidden", { pattern: "deleteMessage" }]);
  const history = await stage.phone(server).join(BOOK, "late");
  assert.deepEqual(history.map(({ content }) => content), ["a phone's, better", "first, better"]);
});

story("in a large room a count takes the place of who comes and goes", async (stage) => {
  const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
  const phone = stage.phone(server);
  await phone.join(BOOK, "first");
  const others = Array.from({ length: 110 }, (_, n) => stage.engine(server, [`42${JSON.stringify(["joinRoom", { bookId: BOOK, userId: `u${n}` }])}`]));
  await Promise.all(others);
  await phone.hears("occupancy", ({ bookId, count }) => bookId === BOOK && count === 111);
  assert.ok(phone.all("userJoined").length <= 101);
});

story("a phone at one node and a browser at another are in one room", async (stage) => {
  const store = await stage.store("mongod");
  const [first, second] = [await stage.server({ store }), await stage.server({ store })];
  const phone = stage.phone(first, { transports: ways.polling });
  const browser = await stage.browser(second);
  await phone.join(BOOK, "p", "phone");
  await browser.ask("joinRoom", { bookId: BOOK, userId: "b", username: "browser" });
  await phone.hears("userJoined", ({ username }) => username === "browser");
  await phone.ask("chatMessage", { bookId: BOOK, content: "from a phone" });
  await browser.hears("message", ({ content }) => content === "from a phone");
  await browser.ask("message", { bookId: BOOK, content: "from a browser" });
  assert.deepEqual(await phone.hearsMessages(2), ["from a phone", "from a browser"]);
});
