/// <reference lib="esnext.disposable" preserve="true" />

import { abortable, type Abortable } from "./abort.js";
import type { Members } from "./generated/protocol.js";
import { Loop } from "./loop.js";
import type { RoomState } from "./room-state.js";
import type { Session } from "./session.js";
import type { Message, Page, RoomEvent, SendOptions } from "./types.js";

/** A book's room, from `chat.joinRoom`. It stays joined over every reconnect until `leave` or the client's `close`. */
export class Room {
  readonly #state: RoomState;
  readonly #session: Session;

  /** @internal */
  constructor(state: RoomState, session: Session) {
    this.#state = state;
    this.#session = session;
  }

  /** The book whose room this is. */
  get bookId(): number {
    return this.#state.bookId;
  }

  /**
   * The newest messages, newest first, every event folded in; on top the own ones still on their way. Another array
   * after every change, and the same one until then. Never older than the event being heard.
   */
  get messages(): readonly Message[] {
    return this.#state.messages;
  }

  /** Whether there are messages older than those in `messages`. */
  get hasMore(): boolean {
    return this.#state.hasMore;
  }

  /** Who is here. Another object after every change. */
  get members(): Members {
    return this.#state.members;
  }

  /** Hears every event of the room once, in order. Returns what ends it. */
  subscribe(listener: (event: RoomEvent) => void): () => void {
    return this.#state.events.add(listener);
  }

  /** Is called when `messages`, `hasMore` or `members` may be another. Returns what ends it. */
  onChange(listener: () => void): () => void {
    return this.#state.changes.add(listener);
  }

  /**
   * Posts, and resolves with the message once it is durable. Sends go out one after the other, wait while the
   * connection is away, and are repeated until the server answers; none is stored twice.
   *
   * Aborted by `signal` it rejects at once and leaves `messages`. What did not go out before never does. What did is not
   * repeated, but may be durable: then it appears as any other message.
   *
   * @throws {@link ChatError} where it can never succeed; its `clientMessageId` names the message.
   */
  send(content: string, options?: SendOptions): Promise<Message> {
    return this.#session.sends.send(this.#state, content, options);
  }

  /** Gives an own message new words. Resolves once that is durable; waits, repeats and is aborted as `send` is. */
  edit(messageId: string, content: string, options?: Abortable): Promise<void> {
    return this.#session.sends.edit(this.#state, messageId, content, options);
  }

  /**
   * Withdraws an own message. Resolves once that is durable; waits, repeats and is aborted as `send` is.
   *
   * With the `id` of one that is not on record it takes that out of `messages`: one that failed, or one that is `sending`,
   * whose `send` then rejects as `withdrawn`. What had gone out already is withdrawn as soon as it is on record.
   */
  delete(messageId: string, options?: Abortable): Promise<void> {
    return this.#session.sends.delete(this.#state, messageId, options);
  }

  /**
   * Adds up to `limit` (1 to 100, 50 where nothing is said) older messages to `messages`. They are added where `signal`
   * aborts the wait for them, too.
   */
  async loadPrevious(limit = 50, { signal }: Abortable = {}): Promise<Page> {
    signal?.throwIfAborted();
    return abortable(this.#state.loadPrevious(limit), signal);
  }

  /** Tells the room that the user is writing, or has stopped. Call it at every key: it tells the server when needed. */
  setTyping(typing: boolean): void {
    this.#state.setTyping(typing);
  }

  /** Leaves, for whoever on this page has joined it. What is being sent is still sent; nothing more is heard. */
  leave(): void {
    this.#session.leave(this.#state);
  }

  /** Lets one `joinRoom` go: the last one of the page to do so leaves. */
  release(): void {
    this.#session.release(this.#state);
  }

  /** Lets go, as `release`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  /**
   * The messages posted from now on, until the room is over. After a `reset` those missed are left out. A loop that falls
   * 10,000 messages behind ends with a {@link ChatError} `overflow`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, void> {
    return new Loop(this.#state);
  }
}
