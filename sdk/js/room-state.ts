import type { Presence } from "./core.js";
import { ChatError } from "./error.js";
import type { Members } from "./generated/protocol.js";
import { Listeners } from "./listeners.js";
import { withoutUser, withUser } from "./members.js";
import type { Core } from "./pkg/readrealm_sdk.js";
import { type Message, messageKey, NOBODY, type Page, type RoomEvent } from "./types.js";

/** Milliseconds after which `setTyping(true)` is told again: before the server's 6 s are over. */
const TYPING_AGAIN_MS = 3_000;

/** Milliseconds between two that are told: of more than two a second the server takes no notice. */
const TYPING_EVERY_MS = 500;

/** What a `Room` shows, kept current by the core's calls. */
export class RoomState {
  readonly bookId: number;
  readonly events = new Listeners<RoomEvent>();
  readonly changes = new Listeners<void>();
  members: Members = NOBODY;
  /** Why the room is over, once it is. */
  ended: ChatError | undefined;
  readonly #core: () => Core | undefined;
  readonly #drafts: Message[] = [];
  #messages: readonly Message[] | undefined = [];
  /** What was on record when the core forgot the room. */
  #last: readonly Message[] | undefined;
  #hasMore = false;
  #page: Deferred<Page> | undefined;
  #typing = { wanted: false, told: false, paused: false, at: Number.NEGATIVE_INFINITY };
  #typingLater: ReturnType<typeof setTimeout> | undefined;

  constructor(bookId: number, core: () => Core | undefined) {
    this.bookId = bookId;
    this.#core = core;
  }

  /** Newest first: what is on its way, then what is on record. Put together when asked for, once for each change. */
  get messages(): readonly Message[] {
    return (this.#messages ??= this.#collect());
  }

  get hasMore(): boolean {
    return this.#last ? this.#hasMore : (this.#hasMore = this.#live()?.hasMore(this.bookId) ?? this.#hasMore);
  }

  /** The core, as long as it knows this room. */
  #live(): Core | undefined {
    return this.ended ? undefined : this.#core();
  }

  #collect(): readonly Message[] {
    const recorded = this.#last ?? ((this.#live()?.messages(this.bookId) ?? []) as Message[]);
    if (this.#drafts.length === 0) return recorded;
    // One that the page has named, or an earlier page has sent, may be on record before its answer is here.
    const known = new Set(recorded.map(messageKey));
    const waiting = this.#drafts.filter((draft) => draft.status === "failed" || !known.has(messageKey(draft)));
    return waiting.reverse().concat(recorded);
  }

  /** From now on it shows what it shows now, but for copies that are taken away. */
  keepShown(): void {
    // Before `#last`, from which on it is what it was.
    this.#hasMore = this.hasMore;
    this.#last = (this.#live()?.messages(this.bookId) ?? []) as Message[];
  }

  /** Replaces the optimistic copy of that key by another one, by none, or adds it. */
  putDraft(key: string, draft: Message | undefined): void {
    const index = this.#drafts.findIndex(({ clientMessageId }) => clientMessageId === key);
    if (draft === undefined) {
      if (index >= 0) this.#drafts.splice(index, 1);
    } else if (index < 0) {
      this.#drafts.push(draft);
    } else {
      this.#drafts[index] = draft;
    }
    this.#changed();
  }

  /** The optimistic copy of that id. */
  draft(id: string): Message | undefined {
    return this.#drafts.find((draft) => draft.id === id);
  }

  enter(members: Members): void {
    this.members = members;
    this.#changed();
  }

  reset(members: Members): void {
    this.enter(members);
    this.events.emit({ type: "reset" });
  }

  message(type: "message" | "edited", message: Message): void {
    this.#changed();
    if (this.events.size > 0) this.events.emit({ type, message });
  }

  deleted(messageId: string): void {
    this.#changed();
    this.events.emit({ type: "deleted", messageId });
  }

  presence(...[event, data]: Presence): void {
    if (event === "occupancy") {
      this.members = { count: data.count, users: this.members.users };
      this.changes.emit();
      this.events.emit({ type: "occupancy", count: data.count });
      return;
    }
    const user = { userId: data.userId, username: data.username };
    if (event === "typing") {
      this.events.emit({ type: "typing", user, typing: data.typing });
      return;
    }
    const joined = event === "userJoined";
    this.members = (joined ? withUser : withoutUser)(this.members, user);
    this.changes.emit();
    this.events.emit({ type: joined ? "joined" : "left", user });
  }

  /** One page at a time: who asks while one is on its way gets that one. */
  loadPrevious(limit: number): Promise<Page> {
    const core = this.#live();
    if (!core) return Promise.reject(this.ended);
    if (this.#page) return this.#page.promise;
    const page = (this.#page = withResolvers<Page>());
    core.loadPrevious(this.bookId, limit);
    return page.promise;
  }

  pageLoaded(): void {
    this.#changed();
    this.#page?.resolve({ hasMore: this.hasMore });
    this.#page = undefined;
  }

  pageFailed(error: ChatError): void {
    this.#page?.reject(error);
    this.#page = undefined;
  }

  setTyping(typing: boolean): void {
    this.#typing.wanted = typing;
    // Told even where it begins again before that: with a message the others have taken it for over, and the server tells
    // nobody twice that it goes on.
    if (!typing && this.#typing.told) this.#typing.paused = true;
    this.#tellTyping();
  }

  #tellTyping(): void {
    clearTimeout(this.#typingLater);
    const { wanted, told, paused, at } = this.#typing;
    const next = wanted && !paused;
    const since = performance.now() - at;
    if (next === told && !(next && since >= TYPING_AGAIN_MS)) return;
    if (since < TYPING_EVERY_MS) {
      this.#typingLater = setTimeout(() => this.#tellTyping(), TYPING_EVERY_MS - since);
    } else {
      // Where nobody can be told, nobody has been: the next key tries again.
      const told = this.#live()?.typing(this.bookId, next) === true && next;
      this.#typing = { wanted, told, paused: false, at: performance.now() };
      if (next !== wanted) this.#tellTyping();
    }
  }

  /** The last thing that happens to a room. What it showed, it goes on showing; what is `kept` is still sent. */
  end(why: ChatError, kept: (key: string) => boolean = () => false): void {
    if (this.ended) return;
    clearTimeout(this.#typingLater);
    for (const [index, draft] of this.#drafts.entries()) {
      if (!kept(draft.id)) this.#drafts[index] = { ...draft, status: "failed" };
    }
    if (!this.#last) this.keepShown();
    this.#messages = undefined;
    this.ended = why;
    this.pageFailed(why);
    this.events.emit({ type: "closed", error: isQuiet(why) ? undefined : why });
    this.changes.emit();
  }

  #changed(): void {
    this.#messages = undefined;
    this.changes.emit();
  }
}

/** Whether a room or a client ended as its page wished. */
export function isQuiet(error: ChatError): boolean {
  return error.code === "left" || error.code === "closed";
}

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function withResolvers<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
}
