import { Client } from "./client.js";
import { Session } from "./session.js";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";

/**
 * The chat of one user.
 *
 * @example
 * ```ts
 * const chat = await ChatClient.connect("ws://localhost:3000/ws", { userId: "u1", username: "alice" });
 * const room = await chat.joinRoom(28520);
 * room.subscribe((event) => {
 *   if (event.type === "message") console.log(event.message.username, event.message.content);
 * });
 * await room.send("The Cheshire Cat scene is my favourite!");
 * ```
 */
export class ChatClient extends Client {
  /**
   * Connects, and resolves once that has succeeded for the first time. It keeps trying until then.
   *
   * @throws {@link ChatError} where the server refuses for good, or the WebAssembly cannot be loaded.
   */
  static async connect(url: string, options: ConnectOptions): Promise<ChatClient> {
    const session = new Session(url, options);
    // This form of it, with the name written out, is what bundlers find the file by.
    await session.start(() => new URL("./pkg/readrealm_sdk_bg.wasm", import.meta.url));
    return new ChatClient(session);
  }
}
