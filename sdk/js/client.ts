/// <reference lib="esnext.disposable" preserve="true" />

import type { User } from "./generated/protocol.js";
import { Room } from "./room.js";
import type { RoomState } from "./room-state.js";
import type { Session } from "./session.js";
import type { ConnectionState, JoinOptions } from "./types.js";

/** A connection to a chat server that heals itself. Made by `ChatClient.connect`. */
export class Client {
  readonly #session: Session;
  readonly #rooms = new WeakMap<RoomState, Room>();

  protected constructor(session: Session) {
    this.#session = session;
  }

  /** Who this is: as connected with, or as the token says. */
  get user(): User {
    return this.#session.user;
  }

  /** Where the connection stands. Another object after every change. */
  get state(): ConnectionState {
    return this.#session.state;
  }

  /** Hears every later state. Returns what ends it. */
  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#session.states.add(listener);
  }

  /**
   * Enters a book's room, and resolves when its newest messages are there. A room that is joined already is the same
   * `Room`. Aborted by `signal` before that, it is not entered, unless somebody else waits for it as well.
   *
   * @throws {@link ChatError} where the server refuses.
   */
  async joinRoom(bookId: number, options?: JoinOptions): Promise<Room> {
    const state = await this.#session.join(bookId, options);
    let room = this.#rooms.get(state);
    if (!room) {
      room = new Room(state, this.#session);
      this.#rooms.set(state, room);
    }
    return room;
  }

  /**
   * The books whose rooms have changes that wait to be sent, those that an earlier page left in the outbox included:
   * these are sent once their room is joined. Another array after every change.
   */
  get waiting(): readonly number[] {
    return this.#session.sends.outbox.books;
  }

  /** Is called when `waiting` may be another. Returns what ends it. */
  onWaiting(listener: () => void): () => void {
    return this.#session.sends.outbox.changes.add(listener);
  }

  /**
   * Leaves every room and closes the connection for good. What is still being sent is rejected; where the outbox
   * outlives the page it stays there, and the user's next client sends it.
   */
  close(): void {
    this.#session.close();
  }

  /** Closes at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }
}
