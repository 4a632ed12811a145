// Who writes on right after a message is shown as writing: the message has ended it for all who saw it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ChatClient } from "readrealm-chat";
import { Server, tapSockets, until } from "./support.mjs";

const wire = tapSockets();
let server;
before(async () => (server = await Server.start()));
after(() => server.stop());

test("a message, and writing on at once: the others are told anew", async () => {
  const [alice, bob] = await Promise.all(["alice", "bob"].map((userId) => ChatClient.connect(server.url, { userId })));
  const [room, heard] = [await alice.joinRoom(1), []];
  (await bob.joinRoom(1)).subscribe((event) => {
    if (event.type === "typing") heard.push(event.typing);
    if (event.type === "message") heard.push(event.message.content);
  });
  room.setTyping(true);
  room.setTyping(false);
  await room.send("one");
  room.setTyping(true);
  room.setTyping(true);
  await until(() => heard.length === 4);
  assert.deepEqual(heard, [true, "one", false, true]);
  assert.deepEqual(wire.sent("typing").map(({ data }) => data.typing), [true, false, true]);
  room.setTyping(false);
  await until(() => heard.at(-1) === false);
  alice.close();
  bob.close();
});

test("writing while the connection is away is told by the next key after it is back", async () => {
  const alice = await ChatClient.connect(server.url, { userId: "alice" });
  const room = await alice.joinRoom(2);
  await server.kill();
  await until(() => alice.state.status === "reconnecting");
  wire.frames.length = 0;
  room.setTyping(true);
  assert.equal(wire.sent("typing").length, 0);
  await server.run();
  await room.send("back");
  await new Promise((resolve) => setTimeout(resolve, 500));
  room.setTyping(true);
  assert.deepEqual(wire.sent("typing").map(({ data }) => data.typing), [true]);
  alice.close();
});
