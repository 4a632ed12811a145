import { readFile } from "node:fs/promises";
import { Client } from "./client.js";
import { Session } from "./session.js";
import type { ConnectOptions } from "./types.js";

export * from "./public.js";

/** The chat of one user, for Node: its WebAssembly is read from the file system. */
export class ChatClient extends Client {
  /** As in the package's root. */
  static async connect(url: string, options: ConnectOptions): Promise<ChatClient> {
    const session = new Session(url, options);
    await session.start(() => readFile(new URL("./pkg/readrealm_sdk_bg.wasm", import.meta.url)));
    return new ChatClient(session);
  }
}
