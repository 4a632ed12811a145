import { ChatClient, ChatError } from "readrealm-chat";
import { expect, test } from "vitest";
import WebSocket from "ws";

// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket;

test("the package works in Vitest", async () => {
  const chat = await ChatClient.connect(process.env.CHAT, { userId: "u1" });
  const room = await chat.joinRoom(28520);
  const message = await room.send("hello");
  expect(message.status).toBe("sent");
  await expect(room.send(" ")).rejects.toBeInstanceOf(ChatError);
  chat.close();
});
