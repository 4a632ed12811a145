import { ChatError, type InitialRoom, type Members, type Message, type Room, type RoomEvent, type User } from "readrealm-chat";
import { Listeners } from "../listeners.js";
import { type ChatStore, GRACE_MS } from "./chat-store.js";

/** Milliseconds between two renders of a busy room: a screen's frame. The first change is shown at once. */
const FRAME_MS = 16;

/** Milliseconds after which somebody is no longer shown as writing where the server, which tells the end, did not. */
const TYPING_MS = 60_000;

/** What a component sees of a room. */
export interface RoomSnapshot {
  readonly messages: readonly Message[];
  readonly hasMore: boolean;
  readonly members: Members;
  readonly typing: readonly User[];
  readonly status: "joining" | "joined" | "failed";
  readonly error: ChatError | undefined;
}

export const JOINING: RoomSnapshot = {
  messages: [],
  hasMore: false,
  members: { count: 0, users: [] },
  typing: [],
  status: "joining",
  error: undefined,
};

/** What is shown until the room is joined: the state a server rendered with, or none. */
export function beforeJoin(initial: InitialRoom | undefined): RoomSnapshot {
  if (!initial) return JOINING;
  const { messages, hasMore, members } = initial;
  return { ...JOINING, messages, hasMore, members };
}

/** A room shared by the components that show it. */
export class RoomStore {
  snapshot: RoomSnapshot;
  joined: Promise<Room>;
  readonly events = new Listeners<RoomEvent>();
  readonly #chat: ChatStore;
  readonly #bookId: number;
  readonly #release: () => void;
  readonly #hearing = new Set<() => void>();
  readonly #typing = new Map<string, { user: User; timer: ReturnType<typeof setTimeout> }>();
  #room: Room | undefined;
  #stopState = () => {};
  readonly #gone = new AbortController();
  /** Whether it failed for want of a client. */
  #unreached = false;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #frame: ReturnType<typeof setTimeout> | undefined;
  #dirty = false;

  constructor(chat: ChatStore, bookId: number, initial: InitialRoom | undefined, snapshot: RoomSnapshot) {
    this.snapshot = snapshot;
    this.#chat = chat;
    this.#bookId = bookId;
    this.#release = chat.retain();
    this.joined = this.#join(initial);
  }

  subscribe(hear: () => void): () => void {
    clearTimeout(this.#grace);
    this.#hearing.add(hear);
    return () => {
      this.#hearing.delete(hear);
      if (this.#hearing.size === 0) this.#grace = setTimeout(() => this.#leave(), GRACE_MS);
    };
  }

  #join(initial?: InitialRoom): Promise<Room> {
    const joined = this.#enter(initial);
    joined.catch((error: unknown) => this.#failed(error));
    return joined;
  }

  async #enter(initial: InitialRoom | undefined): Promise<Room> {
    const client = await this.#chat.ready().catch((error: unknown) => {
      this.#unreached = true;
      throw error;
    });
    const { signal } = this.#gone;
    const room = await client.joinRoom(this.#bookId, { initial, signal });
    if (signal.aborted) {
      room.release();
      throw signal.reason;
    }
    this.#room = room;
    this.#stopState = client.onState(({ status }) => {
      // Who stops meanwhile is not told of.
      if (status !== "connected") for (const { user } of [...this.#typing.values()]) this.#setTyping(user, false);
    });
    const stops = [room.subscribe((event) => this.#heard(event)), room.onChange(() => this.#changed())];
    // The page may go on with the room.
    signal.addEventListener("abort", () => stops.forEach((stop) => stop()));
    this.#changed();
    return room;
  }

  /** The client is there at last. */
  reached(): void {
    if (!this.#unreached) return;
    this.#unreached = false;
    this.#publish({ ...this.snapshot, status: "joining", error: undefined });
    this.joined = this.#join();
  }

  #leave(): void {
    this.#gone.abort(new ChatError("left", `room ${this.#bookId} was left`));
    this.#chat.rooms.delete(this.#bookId);
    for (const { timer } of this.#typing.values()) clearTimeout(timer);
    clearTimeout(this.#frame);
    this.#stopState();
    this.#room?.release();
    this.#release();
  }

  #heard(event: RoomEvent): void {
    if (event.type === "typing") this.#setTyping(event.user, event.typing);
    else if (event.type === "left") this.#setTyping(event.user, false);
    else if (event.type === "message") this.#setTyping(event.message, false);
    else if (event.type === "closed") this.#over(event.error);
    this.events.emit(event);
  }

  /** A room that the page itself has left is joined again: it is in use here. */
  #over(error: ChatError | undefined): void {
    if (this.#gone.signal.aborted) return;
    this.#room = undefined;
    this.#stopState();
    if (error) this.#failed(error);
    else if (this.#chat.client?.state.status === "closed") this.#failed(new ChatError("closed", "the client is closed"));
    else this.joined = this.#join();
  }

  #setTyping({ userId, username }: User, typing: boolean): void {
    const known = this.#typing.get(userId);
    if (!known && !typing) return;
    clearTimeout(known?.timer);
    this.#typing.delete(userId);
    if (typing) {
      const user = { userId, username };
      this.#typing.set(userId, { user, timer: setTimeout(() => this.#setTyping(user, false), TYPING_MS) });
    }
    this.#changed();
  }

  #failed(error: unknown): void {
    const chatError = error instanceof ChatError ? error : new ChatError("closed", String(error));
    this.#publish({ ...this.snapshot, status: "failed", error: chatError });
  }

  /** The first change is shown at once, those within the same frame together at its end. */
  #changed(): void {
    this.#dirty = true;
    if (this.#frame !== undefined || this.#gone.signal.aborted || this.snapshot.status === "failed") return;
    this.#show();
    this.#frame = setTimeout(() => {
      this.#frame = undefined;
      if (this.#dirty) this.#changed();
    }, FRAME_MS);
  }

  #show(): void {
    this.#dirty = false;
    const room = this.#room;
    if (!room) return;
    const { messages, hasMore, members } = room;
    const typing = [...this.#typing.values()].map(({ user }) => user);
    this.#publish({ messages, hasMore, members, typing, status: "joined", error: undefined });
  }

  #publish(snapshot: RoomSnapshot): void {
    this.snapshot = snapshot;
    for (const hear of this.#hearing) hear();
  }
}
