import { abortable, type Abortable } from "./abort.js";
import { type Host, parse, type Presence } from "./core.js";
import { ChatError, type ChatErrorCode } from "./error.js";
import type { Appended, Members, User } from "./generated/protocol.js";
import { Keep, localStorageOf } from "./keep.js";
import { Listeners } from "./listeners.js";
import { guard, load, type WasmSource } from "./load.js";
import { type Change, draftOf, drawKey, Outbox, recorded, type Sending } from "./outbox.js";
import type { Core } from "./pkg/readrealm_sdk.js";
import type { Sender } from "./room.js";
import { type Deferred, RoomState, withResolvers } from "./room-state.js";
import type { CloseReason, ConnectionState, ConnectOptions, JoinOptions, Message, SendOptions } from "./types.js";
import { onWake } from "./wake.js";

const SUBPROTOCOL = "readrealm.v1";

interface Entry {
  readonly room: RoomState;
  readonly joined: Deferred<RoomState>;
  /** Those who asked for it and have neither given up nor let it go. */
  users: number;
}

/** One core and what the page sees of it: the core's calls come in here, and the page's go out to it. */
export class Session implements Host, Sender {
  state: ConnectionState = { status: "connecting" };
  user: User;
  readonly states = new Listeners<ConnectionState>();
  readonly outbox = new Outbox();
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #rooms = new Map<number, Entry>();
  #keep: Keep | undefined;
  readonly #connected = withResolvers<void>();
  #core: Core | undefined;
  #socket: WebSocket | undefined;
  /** What the browser said of an address that is none. */
  #cause: unknown;
  #cleanUp: (() => void)[] = [];

  constructor(url: string, options: ConnectOptions) {
    const { userId = "", username = userId } = options;
    this.#url = url;
    this.#options = options;
    this.user = { userId, username };
    if (options.onState) this.states.add(options.onState);
  }

  /** Resolves once connected for the first time. */
  async start(source: () => WasmSource | Promise<WasmSource>): Promise<void> {
    const { signal, userId, username, getToken, window, resume } = this.#options;
    signal?.throwIfAborted();
    const abort = () => {
      this.#connected.reject(signal?.reason);
      this.close();
    };
    signal?.addEventListener("abort", abort, { once: true });
    const settled = () => signal?.removeEventListener("abort", abort);
    // A close before the core is there must not count as unheard.
    this.#connected.promise.then(settled, settled);
    if (typeof WebSocket === "undefined") this.#end("no_websocket");
    try {
      const Core = await load(source);
      if (this.state.status === "closed") return await this.#connected.promise;
      this.#core = new Core(this, userId, username, getToken !== undefined, window, resume === "all");
    } catch (error) {
      this.#end(error instanceof ChatError && error.code === "load_failed" ? error.code : "internal");
      throw typeof error === "string" ? new ChatError("invalid_data", error) : error;
    }
    this.#cleanUp.push(
      guard(() => this.#abandon()),
      onWake((slept) => this.#core?.wake(slept)),
    );
    if (!getToken) this.#keepOutbox();
    this.#core.connect();
    return this.#connected.promise;
  }

  join(bookId: number, { signal, initial }: JoinOptions = {}): Promise<RoomState> {
    const core = this.#core;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!core) return Promise.reject(this.#over());
    if (!Number.isSafeInteger(bookId) || bookId < 0) {
      return Promise.reject(new ChatError("invalid_data", "bookId must be an integer from 0 to 2^53-1"));
    }
    const entry = this.#rooms.get(bookId) ?? this.#enter(core, bookId, initial);
    entry.users += 1;
    return abortable(entry.joined.promise, signal, () => this.release(entry.room));
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
    const taken = new ChatError("withdrawn", "the message was taken back", { clientMessageId: messageId });
    this.#withdraw(messageId)?.reject(taken);
  }

  release(room: RoomState): void {
    const entry = this.#rooms.get(room.bookId);
    if (entry?.room === room && (entry.users -= 1) === 0) this.leave(room);
  }

  leave(room: RoomState): void {
    if (room.ended) return;
    this.#rooms.delete(room.bookId);
    room.end(new ChatError("left", `room ${room.bookId} was left`), () => true);
    this.#core?.leave(room.bookId);
  }

  close(): void {
    this.#hangUp("closed");
  }

  #hangUp(reason: CloseReason): void {
    const core = this.#core;
    this.#end(reason);
    core?.close();
  }

  // What the core calls.

  open(): WebSocket {
    const socket = this.#dial();
    // What went wrong comes with `close`; but the `ws` package takes an error that nobody hears for an uncaught one.
    socket.onerror = () => {};
    socket.onmessage = ({ data }: MessageEvent<string>) => this.#hear(data);
    return (this.#socket = socket);
  }

  #dial(): WebSocket {
    try {
      return new WebSocket(this.#url, SUBPROTOCOL);
    } catch (error) {
      this.#cause = error;
      throw error;
    }
  }

  token(number: number): void {
    const ask = async () => this.#options.getToken?.();
    ask().then(
      (token) => this.#core?.token(number, token ?? ""),
      (error: unknown) => {
        if (error instanceof ChatError && error.code === "unauthorized") return this.#hangUp("unauthorized");
        console.error("readrealm-chat: getToken failed", error);
        this.#core?.tokenFailed(number);
      },
    );
  }

  identified(user: User): void {
    this.user = { userId: user.userId, username: user.username };
    this.#keepOutbox();
  }

  // Named after its effect on the page, for which `state` is a property.
  moved(status: ConnectionState["status"], attempt: number, retryInMs: number, reason: string): void {
    if (status === "closed") return this.#end(reason as CloseReason);
    this.state = status === "reconnecting" ? { status, attempt, retryInMs } : { status };
    if (status === "connected") this.#connected.resolve();
    this.states.emit(this.state);
  }

  joined(bookId: number, members: Members): void {
    const entry = this.#rooms.get(bookId);
    entry?.room.enter(members);
    entry?.joined.resolve(entry.room);
  }

  resumed(bookId: number, members: Members): void {
    this.#rooms.get(bookId)?.room.enter(members);
  }

  reset(bookId: number, members: Members): void {
    this.#rooms.get(bookId)?.room.reset(members);
  }

  dropped(bookId: number, code: string, message: string, retryAfterMs: number): void {
    const error = errorOf(code, message, retryAfterMs);
    const entry = this.#rooms.get(bookId);
    this.#rooms.delete(bookId);
    for (const sending of this.outbox.of(bookId)) {
      // Of what an earlier page left behind nobody would hear: it waits for a page that is let in.
      if (sending.adopted) sending.held = false;
      else this.outbox.take(sending.key)?.reject(error);
    }
    entry?.joined.reject(error);
    entry?.room.end(error, (key) => this.outbox.get(key) !== undefined);
    // Until then the core keeps what the room shows.
    this.#core?.leave(bookId);
  }

  message(bookId: number, message: Message): void {
    this.#rooms.get(bookId)?.room.message("message", message);
  }

  edited(bookId: number, message: Message): void {
    this.#rooms.get(bookId)?.room.message("edited", message);
  }

  deleted(bookId: number, messageId: string): void {
    this.#rooms.get(bookId)?.room.deleted(messageId);
  }

  presence(bookId: number, ...event: Presence): void {
    this.#rooms.get(bookId)?.room.presence(...event);
  }

  page(bookId: number): void {
    this.#rooms.get(bookId)?.room.pageLoaded();
  }

  pageFailed(bookId: number, code: string, message: string, retryAfterMs: number): void {
    this.#rooms.get(bookId)?.room.pageFailed(errorOf(code, message, retryAfterMs));
  }

  posted(key: string, message: Message): void {
    const entry = this.#settle(key, undefined);
    entry?.resolve(message);
  }

  acked(key: string, answer: Appended): void {
    const entry = this.#settle(key, undefined);
    entry?.resolve(entry.draft && recorded(entry.draft, answer));
  }

  refused(key: string, code: string, message: string, retryAfterMs: number): void {
    const sending = this.#settle(key, "failed");
    if (!sending) return;
    const error = errorOf(code, message, retryAfterMs, key);
    sending.reject(error);
    if (!sending.adopted) return;
    const { bookId, messageId, content } = sending;
    this.#rooms.get(bookId)?.room.events.emit({ type: "refused", clientMessageId: key, messageId, content, error });
  }

  /** Messages go the short way: of them the core needs three numbers. */
  #hear(text: string): void {
    const frame = parse(text);
    if (!frame) return;
    const { event, seq, data } = frame;
    const posted = event === "message";
    if (posted || event === "messageEdited") {
      data.status = "sent";
      this.#core?.event(posted, data.bookId, seq, data.seq, data);
    } else {
      this.#core?.frame(frame);
    }
  }

  /** Takes what was sent out of the outbox; its optimistic copy goes, or stays as failed. */
  #settle(key: string, status: "failed" | undefined): Sending | undefined {
    const entry = this.outbox.take(key);
    if (entry?.draft) {
      this.#rooms.get(entry.bookId)?.room.putDraft(key, status && { ...entry.draft, status });
    }
    return entry;
  }

  #enter(core: Core, bookId: number, initial: JoinOptions["initial"]): Entry {
    const room = new RoomState(bookId, () => this.#core);
    const entry = { room, joined: withResolvers<RoomState>(), users: 0 };
    this.#rooms.set(bookId, entry);
    core.join(bookId, initial?.bookId === bookId ? initial : undefined);
    this.#resume(core, room);
    return entry;
  }

  /** Shows what is on its way in a room, and has the core send what an earlier page could not. */
  #resume(core: Core, room: RoomState): void {
    for (const entry of this.outbox.of(room.bookId)) {
      const { key, messageId, content, draft, held } = entry;
      if (entry.adopted && !held && !this.#keep?.holds(key)) {
        // Where there are no locks: taken back, or sent, by the page that it is of.
        this.outbox.take(key);
        continue;
      }
      if (draft) room.putDraft(key, draft);
      if (held) continue;
      entry.held = true;
      const wrong = core.send(room.bookId, key, messageId, content, true);
      if (wrong !== undefined) this.refused(key, "invalid_data", wrong, Number.NaN);
    }
  }

  #keepOutbox(): void {
    const { outbox } = this.#options;
    if (!outbox || this.#keep) return;
    const storage = outbox === "persist" ? localStorageOf() : outbox;
    if (!storage) return;
    this.#keep = new Keep(storage, this.#url, this.user.userId);
    this.outbox.keepIn(this.#keep);
    this.#keep.open((changes) => this.#adopt(changes));
  }

  #adopt(changes: Change[]): void {
    for (const change of changes) {
      const outcome = withResolvers<Message | undefined>();
      outcome.promise.catch(() => {});
      this.outbox.adopt({ ...change, ...outcome, adopted: true, held: false, draft: draftOf(change, this.user) });
    }
    for (const { room } of this.#rooms.values()) if (this.#core) this.#resume(this.#core, room);
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
    if (!this.#core) throw this.#over();
    const { bookId } = room;
    const key = clientMessageId ?? drawKey();
    const under = clientMessageId === undefined ? undefined : this.outbox.get(key);
    if (under) return abortable(this.#same(under, bookId, content), signal);
    if (this.outbox.isFull) throw new ChatError("outbox_full", "too much waits to be sent already");
    const change = { bookId, key, messageId, content, at: new Date().toISOString() };
    const draft = draftOf(change, this.user);
    const { promise, resolve, reject } = withResolvers<Message | undefined>();
    // Written down before it goes out.
    this.outbox.add({ ...change, promise, resolve, reject, draft, adopted: false, held: true });
    // One that the page has named may be on record by an earlier try.
    const wrong = this.#core.send(bookId, key, messageId, content, clientMessageId !== undefined);
    if (wrong !== undefined) {
      this.outbox.take(key);
      throw new ChatError("invalid_data", wrong, { clientMessageId: key });
    }
    if (draft && this.outbox.get(key)) room.putDraft(key, draft);
    return abortable(promise, signal, () => this.#withdraw(key));
  }

  /** The outcome of what is being sent under that name already, where it is the same. */
  #same(under: Sending, bookId: number, content: string | undefined): Promise<Message | undefined> {
    if (under.bookId === bookId && under.messageId === undefined && under.content === content) return under.promise;
    const error = new ChatError("idempotency_conflict", "the clientMessageId is that of something else", {
      clientMessageId: under.key,
    });
    return Promise.reject(error);
  }

  #withdraw(key: string): Sending | undefined {
    const sending = this.#settle(key, undefined);
    if (sending) this.#core?.withdraw(sending.bookId, key);
    return sending;
  }

  #over(): ChatError {
    const reason = this.state.status === "closed" ? this.state.reason : "closed";
    const why = reason === "closed" ? "" : `: ${reason}`;
    return new ChatError(reason, `the client is closed${why}`, { cause: this.#cause });
  }

  /** The core failed in the middle of its work and cannot be called again: its socket is closed from here. */
  #abandon(): void {
    this.#core = undefined;
    const socket = this.#socket;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.#end("internal");
  }

  #end(reason: CloseReason): void {
    if (this.state.status === "closed") return;
    this.state = { status: "closed", reason };
    const error = this.#over();
    for (const { room, joined } of this.#rooms.values()) {
      joined.promise.catch(() => {});
      joined.reject(error);
      room.end(error, (key) => this.#keep?.holds(key) ?? false);
    }
    this.#rooms.clear();
    this.outbox.close(error);
    this.#connected.reject(error);
    for (const act of this.#cleanUp) act();
    // Later: this may be a call of the very core that is freed.
    const core = this.#core;
    this.#core = undefined;
    queueMicrotask(() => core?.free());
    this.states.emit(this.state);
  }
}

function errorOf(code: string, message: string, retryAfterMs: number, clientMessageId?: string): ChatError {
  return new ChatError(code as ChatErrorCode, message, {
    retryAfterMs: Number.isNaN(retryAfterMs) ? undefined : retryAfterMs,
    clientMessageId,
  });
}
