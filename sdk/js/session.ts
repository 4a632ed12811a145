import { abortable } from "./abort.js";
import { type Host, parse, type Presence } from "./core.js";
import { ChatError, errorOf } from "./error.js";
import type { Appended, Members, User } from "./generated/protocol.js";
import { Listeners } from "./listeners.js";
import { guard, load, type WasmSource } from "./load.js";
import type { Core } from "./pkg/readrealm_sdk.js";
import { type Deferred, RoomState, withResolvers } from "./room-state.js";
import { Sends } from "./sends.js";
import type { CloseReason, ConnectionState, ConnectOptions, JoinOptions, Message } from "./types.js";
import { onWake } from "./wake.js";

const SUBPROTOCOL = "readrealm.v1";

interface Entry {
  readonly room: RoomState;
  readonly joined: Deferred<RoomState>;
  /** Those who asked for it and have neither given up nor let it go. */
  users: number;
}

/** One core and what the page sees of it: the core's calls come in here, and the page's go out to it. */
export class Session implements Host {
  state: ConnectionState = { status: "connecting" };
  user: User;
  readonly states = new Listeners<ConnectionState>();
  readonly sends: Sends;
  readonly #url: string;
  readonly #options: ConnectOptions;
  readonly #rooms = new Map<number, Entry>();
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
    this.sends = new Sends(this, () => this.#core);
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
      // A page that gives up meanwhile does not wait for the load.
      const Core = await Promise.race([this.#connected.promise, load(source)]);
      if (!Core) throw this.over();
      this.#core = new Core(this, userId, username, getToken !== undefined, window, resume === "all");
    } catch (error) {
      this.#end(error instanceof ChatError && error.code === "load_failed" ? error.code : "internal");
      throw typeof error === "string" ? new ChatError("invalid_data", error) : error;
    }
    this.#cleanUp.push(
      guard(() => this.#abandon()),
      onWake((sign) => this.#core?.wake(sign)),
    );
    if (!getToken) this.sends.keepIn(this.#options.outbox, this.#url);
    this.#core.connect();
    return this.#connected.promise;
  }

  /** The room of that book, as long as the page is in it. */
  roomOf(bookId: number): RoomState | undefined {
    return this.#rooms.get(bookId)?.room;
  }

  *rooms(): Iterable<RoomState> {
    for (const { room } of this.#rooms.values()) yield room;
  }

  join(bookId: number, { signal, initial }: JoinOptions = {}): Promise<RoomState> {
    const core = this.#core;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!core) return Promise.reject(this.over());
    if (!Number.isSafeInteger(bookId) || bookId < 0) {
      return Promise.reject(new ChatError("invalid_data", "bookId must be an integer from 0 to 2^53-1"));
    }
    const entry = this.#rooms.get(bookId) ?? this.#enter(core, bookId, initial);
    entry.users += 1;
    return abortable(entry.joined.promise, signal, () => this.release(entry.room));
  }

  release(room: RoomState): void {
    const entry = this.#rooms.get(room.bookId);
    if (entry?.room === room && (entry.users -= 1) === 0) this.leave(room);
  }

  leave(room: RoomState): void {
    if (room.ended) return;
    this.#rooms.delete(room.bookId);
    room.keepShown();
    // Before anybody hears of it, who may join again at once.
    this.#core?.leave(room.bookId);
    room.end(new ChatError("left", `room ${room.bookId} was left`), () => true);
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
    this.sends.keepIn(this.#options.outbox, this.#url);
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
    this.roomOf(bookId)?.enter(members);
  }

  reset(bookId: number, members: Members): void {
    this.roomOf(bookId)?.reset(members);
  }

  dropped(bookId: number, code: string, message: string, retryAfterMs: number): void {
    const error = errorOf(code, message, retryAfterMs);
    const entry = this.#rooms.get(bookId);
    this.#rooms.delete(bookId);
    entry?.room.keepShown();
    // Before anybody hears of it, who may join again at once.
    this.#core?.leave(bookId);
    this.sends.dropped(bookId, error);
    entry?.joined.reject(error);
    entry?.room.end(error, (key) => this.sends.outbox.get(key) !== undefined);
  }

  message(bookId: number, message: Message): void {
    this.roomOf(bookId)?.message("message", message);
  }

  edited(bookId: number, message: Message): void {
    this.roomOf(bookId)?.message("edited", message);
  }

  deleted(bookId: number, messageId: string): void {
    this.roomOf(bookId)?.deleted(messageId);
  }

  presence(bookId: number, ...event: Presence): void {
    this.roomOf(bookId)?.presence(...event);
  }

  page(bookId: number): void {
    this.roomOf(bookId)?.pageLoaded();
  }

  pageFailed(bookId: number, code: string, message: string, retryAfterMs: number): void {
    this.roomOf(bookId)?.pageFailed(errorOf(code, message, retryAfterMs));
  }

  posted(key: string, message: Message): void {
    this.sends.posted(key, message);
  }

  acked(key: string, answer: Appended): void {
    this.sends.acked(key, answer);
  }

  refused(key: string, code: string, message: string, retryAfterMs: number): void {
    this.sends.refused(key, errorOf(code, message, retryAfterMs, key));
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

  #enter(core: Core, bookId: number, initial: JoinOptions["initial"]): Entry {
    const room = new RoomState(bookId, () => this.#core);
    const entry = { room, joined: withResolvers<RoomState>(), users: 0 };
    this.#rooms.set(bookId, entry);
    core.join(bookId, initial?.bookId === bookId ? initial : undefined);
    this.sends.resume(core, room);
    return entry;
  }

  /** Why nothing can be asked of it any more. */
  over(): ChatError {
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
    const error = this.over();
    for (const { room, joined } of this.#rooms.values()) {
      joined.promise.catch(() => {});
      joined.reject(error);
      room.end(error, (key) => this.sends.isKept(key));
    }
    this.#rooms.clear();
    this.sends.outbox.close(error);
    this.#connected.reject(error);
    for (const act of this.#cleanUp) act();
    // Later: this may be a call of the very core that is freed.
    const core = this.#core;
    this.#core = undefined;
    queueMicrotask(() => core?.free());
    this.states.emit(this.state);
  }
}
