import { ChatError } from "./error.js";
import { type Deferred, isQuiet, type RoomState, withResolvers } from "./room-state.js";
import type { Message, RoomEvent } from "./types.js";

/** Messages an `await`ing loop may fall behind before it ends with an error. */
const BEHIND = 10_000;

type Result = IteratorResult<Message, void>;

const DONE: Result = { value: undefined, done: true };

/**
 * The messages of a room, for `for await`. No async generator: one that waits for a message in a quiet room cannot be
 * ended from outside before that message comes.
 */
export class Loop implements AsyncIterableIterator<Message, void> {
  readonly #bookId: number;
  readonly #waiting: Message[] = [];
  readonly #asked: Deferred<Result>[] = [];
  readonly #stop: () => void;
  #over = false;
  #error: ChatError | undefined;

  constructor(room: RoomState) {
    this.#bookId = room.bookId;
    this.#stop = room.events.add((event) => this.#heard(event));
    if (room.ended) this.#end(isQuiet(room.ended) ? undefined : room.ended);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result> {
    const message = this.#waiting.shift();
    if (message) return { value: message, done: false };
    const error = this.#error;
    this.#error = undefined;
    if (error) throw error;
    if (this.#over) return DONE;
    const asked = withResolvers<Result>();
    this.#asked.push(asked);
    return asked.promise;
  }

  async return(): Promise<Result> {
    this.#waiting.length = 0;
    this.#end(undefined);
    this.#error = undefined;
    return DONE;
  }

  #heard(event: RoomEvent): void {
    if (event.type === "closed") return this.#end(event.error);
    if (event.type !== "message") return;
    const asked = this.#asked.shift();
    if (asked) asked.resolve({ value: event.message, done: false });
    else if (this.#waiting.length < BEHIND) this.#waiting.push(event.message);
    else this.#end(new ChatError("overflow", `the loop over room ${this.#bookId} fell behind`));
  }

  /** What waits is still handed out, then the error once. */
  #end(error: ChatError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    const [first, ...others] = this.#asked.splice(0);
    if (!error) first?.resolve(DONE);
    else if (first) first.reject(error);
    else this.#error = error;
    for (const asked of others) asked.resolve(DONE);
  }
}
