import { ChatError } from "./error.js";
import type { Appended } from "./generated/protocol.js";
import type { Message } from "./types.js";

/** Changes that may wait at a time: what comes on top of them is refused, not forgotten. */
const MOST = 1_000;

/** A post, an edit or a delete that waits for its outcome. */
export interface Sending {
  readonly bookId: number;
  /** What `room.messages` shows until then; posts alone have it. */
  readonly draft?: Message;
  readonly resolve: (message: Message | undefined) => void;
  readonly reject: (error: ChatError) => void;
}

/**
 * What is being sent, by `clientMessageId`. The core decides when each goes out; here are its promise and its
 * optimistic copy. Every change passes `add` and `take`, which is where a store that outlives the page belongs.
 */
export class Outbox {
  readonly #entries = new Map<string, Sending>();

  /** Whether there is no place for another. */
  get isFull(): boolean {
    return this.#entries.size >= MOST;
  }

  add(key: string, entry: Sending): void {
    this.#entries.set(key, entry);
  }

  take(key: string): Sending | undefined {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry;
  }

  /** Ends those of one room, or of all. */
  reject(error: ChatError, bookId?: number): void {
    for (const [key, entry] of this.#entries) {
      if (bookId === undefined || entry.bookId === bookId) {
        this.#entries.delete(key);
        entry.reject(error);
      }
    }
  }
}

/** 22 characters of `A-Z a-z 0-9 _ -` that no other client draws: 128 random bits. */
export function drawKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).slice(0, 22).replaceAll("+", "-").replaceAll("/", "_");
}

/** The optimistic copy as it became: what the server's answer says, where the event itself was not seen. */
export function recorded(draft: Message, { messageId, seq, createdAt }: Appended): Message {
  return { ...draft, id: messageId, seq, createdAt, updatedAt: createdAt, status: "sent" };
}
