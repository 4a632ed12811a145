// The steps of docs/socketio.md, "The way over" and "The way back", one after the other, and an app that knows nothing of them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BSON } from "mongodb";
import { serverBinary } from "../../browser/harness/needs.mjs";
import { until } from "../../browser/harness/until.mjs";
import { documents } from "../harness/back.mjs";
import { Gate } from "../harness/gate.mjs";
import { Gateway } from "../harness/gateway.mjs";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";

const run = promisify(execFile);
const BOOK = 28520;
const ALICE = { bookId: String(BOOK), userId: "64a1f3c2e4b0a1234567890a", username: "alice" };

/** What import-messages says, and how it ends. */
async function imported(from, store) {
  const end = await run(serverBinary(), ["import-messages", "--from", from, "--store", store]).catch((error) => error);
  return [end.code ?? 0, (end.stdout + end.stderr).trim()];
}

/** An app: it joins whenever it is connected. */
function app(stage, gate, options) {
  const phone = stage.phone(gate, options);
  phone.socket.on("connect", () => phone.emit("joinRoom", ALICE));
  return phone;
}

const history = (phone) => phone.all("previousMessages").at(-1)?.map(({ content }) => content);

story("over by the steps of the page, and back", async (stage) => {
  const url = await stage.store("mongod");
  const gateway = stage.keep(await Gateway.start(url));
  const gate = stage.keep(await Gate.open(gateway));
  const apps = Object.values(ways).map((transports) => app(stage, gate, { transports }));
  const say = (content) => apps[0].emit("chatMessage", { ...ALICE, content });
  for (const phone of apps) await phone.hears("previousMessages");
  const all = (words) => Promise.all(apps.map((phone) => phone.hears("newMessage", ({ content }) => content === words)));
  for (const words of ["old 1", "old 2", "old 3"]) {
    say(words);
    await all(words);
  }
  await gateway.messages.updateOne({ content: "old 2" }, { $set: { isAi: true } });

  // 1. Try with a copy.
  const copy = await stage.store("sqlite");
  assert.deepEqual(await imported(url, copy), [0, "3 messages imported, 0 there already, 0 skipped"]);
  const trial = await stage.server({ store: copy });
  const tester = stage.phone(trial);
  assert.equal((await tester.join(BOOK, "tester")).length, 3);
  await tester.ask("chatMessage", { bookId: BOOK, content: "a try" });
  await trial.drain();

  // 2. Bring the history, while the old gateway runs.
  const store = await stage.store("sqlite");
  assert.deepEqual(await imported(url, store), [0, "3 messages imported, 0 there already, 0 skipped"]);
  for (const words of ["meanwhile 1", "meanwhile 2"]) {
    say(words);
    await all(words);
  }
  const [code, why] = await imported(url, copy);
  assert.equal(code, 1, "a store that was talked in is for trying alone");
  assert.match(why, /room 28520 was left alone/);

  // 3. Block the route.
  gate.block();
  await until("the apps are cut", () => apps.map(({ ends }) => ends.length), [1, 1, 1]);
  assert.equal((await fetch(`${gate.origin}/socket.io/?EIO=4&transport=polling`)).status, 503);

  // 4. Import once more, and start the server.
  assert.deepEqual(await imported(url, store), [0, "2 messages imported, 3 there already, 0 skipped"]);
  const server = await stage.server({ store });

  // 5. Move the route.
  for (const phone of apps) phone.heard = [];
  gate.lead(server);
  const before = ["meanwhile 2", "meanwhile 1", "old 3", "old 2", "old 1"];
  for (const phone of apps) await until("the app is back, with all that was said", () => history(phone), before);
  say("new");
  await all("new");
  assert.deepEqual(apps.flatMap((phone) => phone.all("exception")), []);

  // Back: block the route, stop the server, bring home what was written, move the route.
  gate.block();
  await server.drain();
  for (const { _id, ...fields } of (await documents(store)).map((document) => BSON.EJSON.deserialize(document))) {
    // As mongoimport does with --mode merge.
    await gateway.messages.updateOne({ _id }, { $set: fields }, { upsert: true });
  }
  for (const phone of apps) phone.heard = [];
  gate.lead(gateway);
  for (const phone of apps) await until("the app is back at the old gateway", () => history(phone), ["new", ...before]);
  assert.equal(await gateway.messages.countDocuments({ isAi: true }), 1, "what the log does not know stays");
  say("as before");
  await all("as before");
});
