import type { ChatError } from "./error.js";
import type { Appended, User } from "./generated/protocol.js";
import type { Keep } from "./keep.js";
import { Listeners } from "./listeners.js";
import type { Deferred } from "./room-state.js";
import type { Message } from "./types.js";

/** Changes that may wait at a time: what comes on top of them is refused, not forgotten. */
const MOST = 1_000;

/** A post, an edit or a delete, as it outlives the page. */
export interface Change {
  readonly bookId: number;
  /** Its `clientMessageId`. */
  readonly key: string;
  /** The message that is edited or deleted. */
  readonly messageId?: string | undefined;
  /** The words of a post or an edit. */
  readonly content?: string | undefined;
  /** When it was asked for, by this machine's clock. */
  readonly at: string;
}

/** A change that waits for its outcome. */
export interface Sending extends Change, Deferred<Message | undefined> {
  /** What `room.messages` shows until then; posts alone have it. */
  readonly draft?: Message | undefined;
  /** Whether an earlier page left it behind. */
  readonly adopted: boolean;
  /** Whether the core has it; one of an earlier page waits for its room to be joined. */
  held: boolean;
  /** The calls of this page that await it and have not been given up. */
  callers: number;
  /** Awaits what becomes of it, where the page has taken it back while it was under way. */
  taken?: Deferred<Message | undefined>;
}

/**
 * What is being sent, by `clientMessageId`, oldest first. The core decides when each goes out; here are its promise and
 * its optimistic copy, and in the `keep` what of it outlives the page.
 */
export class Outbox {
  /** Hears when a room may have begun, or ceased, to have something here. */
  readonly changes = new Listeners<void>();
  readonly #entries = new Map<string, Sending>();
  #keep: Keep | undefined;
  #books: readonly number[] | undefined;

  /** Whether there is no place for another. */
  get isFull(): boolean {
    return this.#entries.size >= MOST;
  }

  /** From now on every change is written down before it is sent. */
  keepIn(keep: Keep): void {
    this.#keep = keep;
  }

  add(entry: Sending): void {
    const { bookId, key, messageId, content, at } = entry;
    this.#keep?.save({ bookId, key, messageId, content, at });
    this.#entries.set(key, entry);
    this.#changed();
  }

  get(key: string): Sending | undefined {
    return this.#entries.get(key);
  }

  /** The rooms that something here is for: the same array until that changes. */
  get books(): readonly number[] {
    return (this.#books ??= [...new Set(Array.from(this.#entries.values(), ({ bookId }) => bookId))]);
  }

  /** Takes over what an earlier page has written down. What there is no place for waits for another page. */
  adopt(entry: Sending): void {
    if (this.isFull || this.#entries.has(entry.key)) return;
    this.#entries.set(entry.key, entry);
    this.#changed();
  }

  take(key: string): Sending | undefined {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry) {
      this.#keep?.forget(entry);
      this.#changed();
    }
    return entry;
  }

  /** It is not to be sent by another page. */
  unkeep(entry: Sending): void {
    this.#keep?.forget(entry);
  }

  /** Those of one room. */
  of(bookId: number): Sending[] {
    return [...this.#entries.values()].filter((entry) => entry.bookId === bookId);
  }

  /** Lets go of all. What is written down stays, for the next page. */
  close(error: ChatError): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#keep?.close();
    for (const { reject, taken } of entries) {
      reject(error);
      taken?.reject(error);
    }
    if (entries.length > 0) this.#changed();
  }

  #changed(): void {
    this.#books = undefined;
    this.changes.emit();
  }
}

/** 22 characters of `A-Z a-z 0-9 _ -` that no other client draws: 128 random bits. */
export function drawKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).slice(0, 22).replaceAll("+", "-").replaceAll("/", "_");
}

/** The optimistic copy of a post; other changes have none. */
export function draftOf({ bookId, key, messageId, content = "", at }: Change, { userId, username }: User): Message | undefined {
  if (messageId !== undefined) return undefined;
  const words = { bookId, userId, username, content: content.trim(), clientMessageId: key };
  return { id: key, seq: 0, ...words, createdAt: at, updatedAt: at, status: "sending" };
}

/** The optimistic copy as it became: what the server's answer says, where the event itself was not seen. */
export function recorded(draft: Message, { messageId, seq, createdAt }: Appended): Message {
  return { ...draft, id: messageId, seq, createdAt, updatedAt: createdAt, status: "sent" };
}
