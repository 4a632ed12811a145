import { abortable, type Abortable } from "./abort.js";
import { ChatError, errorOf } from "./error.js";
import type { Appended, User } from "./generated/protocol.js";
import { Keep, localStorageOf } from "./keep.js";
import { type Change, draftOf, drawKey, Outbox, recorded, type Sending } from "./outbox.js";
import type { Core } from "./pkg/readrealm_sdk.js";
import { type RoomState, withResolvers } from "./room-state.js";
import type { ConnectOptions, Message, SendOptions } from "./types.js";

/** What the sends are among. */
interface Surroundings {
  readonly user: User;
  roomOf(bookId: number): RoomState | undefined;
  rooms(): Iterable<RoomState>;
  over(): ChatError;
}

/** Posts, edits and deletes from the page's call to their outcome. The core decides when each goes out. */
export class Sends {
  readonly outbox = new Outbox();
  readonly #around: Surroundings;
  readonly #core: () => Core | undefined;
  #keep: Keep | undefined;

  constructor(around: Surroundings, core: () => Core | undefined) {
    this.#around = around;
    this.#core = core;
  }

  async send(room: RoomState, content: string, { signal, clientMessageId }: SendOptions = {}): Promise<Message> {
    const message = await this.#change(room, { signal, clientMessageId }, content);
    // A post that was acknowledged has its message, by the answer or the event.
    return message as Message;
  }

  async edit(room: RoomState, messageId: string, content: string, { signal }: Abortable = {}): Promise<void> {
    if (room.draft(messageId)) {
      throw new ChatError("invalid_data", "the message is not on record yet: take it back with delete, and send another");
    }
    // Without words it would be a delete.
    await this.#change(room, { signal }, content ?? "", messageId);
  }

  async delete(room: RoomState, messageId: string, { signal }: Abortable = {}): Promise<void> {
    if (!room.draft(messageId)) {
      await this.#change(room, { signal }, undefined, messageId);
      return;
    }
    room.putDraft(messageId, undefined);
    const sending = this.outbox.get(messageId);
    if (!sending) return;
    const taken = new ChatError("withdrawn", "the message was taken back", { clientMessageId: messageId });
    if (this.#core()?.takeBack(room.bookId, messageId) !== false) {
      this.outbox.take(messageId);
      sending.reject(taken);
      return;
    }
    // It has gone out, and may be on record by now: that is awaited, and withdrawn then.
    sending.taken = withResolvers();
    this.outbox.unkeep(sending);
    sending.reject(taken);
    const message = await abortable(sending.taken.promise, signal);
    if (message) await this.#change(room, { signal }, undefined, message.id);
  }

  /** The room refuses this page. */
  dropped(bookId: number, error: ChatError): void {
    for (const sending of this.outbox.of(bookId)) {
      // Of what an earlier page left behind nobody would hear: it waits for a page that is let in.
      if (sending.adopted) {
        sending.held = false;
      } else {
        this.outbox.take(sending.key);
        sending.reject(error);
        sending.taken?.reject(error);
      }
    }
  }

  posted(key: string, message: Message): void {
    this.#succeeded(this.#settle(key, undefined), message);
  }

  acked(key: string, answer: Appended): void {
    const sending = this.#settle(key, undefined);
    this.#succeeded(sending, sending?.draft && recorded(sending.draft, answer));
  }

  #succeeded(sending: Sending | undefined, message: Message | undefined): void {
    sending?.resolve(message);
    sending?.taken?.resolve(message);
  }

  refused(key: string, error: ChatError): void {
    const sending = this.#settle(key, this.outbox.get(key)?.taken ? undefined : "failed");
    if (!sending) return;
    sending.reject(error);
    sending.taken?.resolve(undefined);
    if (sending.adopted) this.#tellRefused(sending, error);
  }

  #tellRefused({ bookId, key, messageId, content }: Sending, error: ChatError): void {
    const events = this.#around.roomOf(bookId)?.events;
    if (events && events.size > 0) {
      events.emit({ type: "refused", clientMessageId: key, messageId, content, error });
    } else {
      console.warn("readrealm-chat: what an earlier page left was refused", { bookId, messageId, content }, error);
    }
  }

  /** Whether it outlives the page. */
  isKept(key: string): boolean {
    const sending = this.outbox.get(key);
    return sending !== undefined && (this.#keep?.holds(sending) ?? false);
  }

  /** Shows what is on its way in a room, and has the core send what an earlier page could not. */
  resume(core: Core, room: RoomState): void {
    for (const entry of this.outbox.of(room.bookId)) {
      const { key, messageId, content, draft, held } = entry;
      if (entry.adopted && !held && !this.#keep?.holds(entry)) {
        // Where there are no locks: taken back, or sent, by the page that it is of.
        this.outbox.take(key);
        continue;
      }
      if (draft) room.putDraft(key, draft);
      if (held) continue;
      entry.held = true;
      const wrong = core.send(room.bookId, key, messageId, content, true);
      if (wrong !== undefined) this.refused(key, errorOf("invalid_data", wrong, Number.NaN, key));
    }
  }

  /** Has what is sent to that server outlive the page, from when it is known who sends. */
  keepIn(where: ConnectOptions["outbox"], url: string): void {
    if (!where || this.#keep) return;
    const storage = where === "persist" ? localStorageOf() : where;
    if (!storage) return;
    this.#keep = new Keep(storage, url, this.#around.user.userId);
    this.outbox.keepIn(this.#keep);
    this.#keep.open((changes) => this.#adopt(changes));
  }

  #adopt(changes: Change[]): void {
    for (const change of changes) {
      const outcome = withResolvers<Message | undefined>();
      outcome.promise.catch(() => {});
      const draft = draftOf(change, this.#around.user);
      this.outbox.adopt({ ...change, ...outcome, draft, adopted: true, held: false, callers: 0 });
    }
    const core = this.#core();
    if (core) for (const room of this.#around.rooms()) this.resume(core, room);
  }

  /** Hands a change to the core, which says what is wrong with it where it cannot be sent at all. */
  async #change(
    room: RoomState,
    { signal, clientMessageId }: SendOptions,
    content: string | undefined,
    messageId?: string,
  ): Promise<Message | undefined> {
    signal?.throwIfAborted();
    if (room.ended) throw room.ended;
    const core = this.#core();
    if (!core) throw this.#around.over();
    const { bookId } = room;
    const key = clientMessageId ?? drawKey();
    const under = clientMessageId === undefined ? undefined : this.outbox.get(key);
    if (under) return this.#share(under, bookId, content, signal);
    if (this.outbox.isFull) throw new ChatError("outbox_full", "too much waits to be sent already");
    const change = { bookId, key, messageId, content, at: new Date().toISOString() };
    const draft = draftOf(change, this.#around.user);
    const { promise, resolve, reject } = withResolvers<Message | undefined>();
    // Written down before it goes out.
    this.outbox.add({ ...change, promise, resolve, reject, draft, adopted: false, held: true, callers: 1 });
    const wrong = core.send(bookId, key, messageId, content, false);
    if (wrong !== undefined) {
      this.outbox.take(key);
      throw new ChatError("invalid_data", wrong, { clientMessageId: key });
    }
    if (draft && this.outbox.get(key)) room.putDraft(key, draft);
    return abortable(promise, signal, () => this.#giveUp(key));
  }

  /** The outcome of what is being sent under that name already, where it is the same. */
  #share(under: Sending, bookId: number, content: string | undefined, signal?: AbortSignal): Promise<Message | undefined> {
    const { key, promise } = under;
    if (under.bookId !== bookId || under.messageId !== undefined || under.content !== content || under.taken) {
      const options = { clientMessageId: key };
      return Promise.reject(new ChatError("idempotency_conflict", "something else of that name is being sent", options));
    }
    under.callers += 1;
    return abortable(promise, signal, () => this.#giveUp(key));
  }

  /** One call less awaits it; with the last it is taken back as far as that goes. */
  #giveUp(key: string): void {
    const sending = this.outbox.get(key);
    if (!sending || (sending.callers -= 1) > 0) return;
    this.#settle(key, undefined);
    this.#core()?.withdraw(sending.bookId, key);
  }

  /** Takes what was sent out of the outbox; its optimistic copy goes, or stays as failed. */
  #settle(key: string, status: "failed" | undefined): Sending | undefined {
    const entry = this.outbox.take(key);
    if (entry?.draft) {
      this.#around.roomOf(entry.bookId)?.putDraft(key, status && { ...entry.draft, status });
    }
    return entry;
  }
}
