import { ChatClient, type ConnectionState, type ConnectOptions, type InitialRoom } from "readrealm-chat";
import { RoomStore, type RoomSnapshot } from "./room-store.js";

/** Milliseconds for which what nobody uses any more is kept: StrictMode and fast switching come back within them. */
export const GRACE_MS = 1_000;

export const CONNECTING: ConnectionState = { status: "connecting" };

/** Where a provider's client comes from. */
export interface Source {
  readonly state: ConnectionState;
  connect(hear: (state: ConnectionState) => void, signal: AbortSignal): Promise<ChatClient>;
}

/** A client of the provider's own: closed with it. */
export function ownClient(url: string, options: () => ConnectOptions): Source {
  return {
    state: CONNECTING,
    async connect(hear, signal) {
      const given = options();
      const onState = (state: ConnectionState) => {
        hear(state);
        given.onState?.(state);
      };
      const client = await ChatClient.connect(url, { ...given, onState, signal });
      signal.addEventListener("abort", () => client.close());
      return client;
    },
  };
}

/** A client that the page made, and closes. */
export function givenClient(client: ChatClient): Source {
  return {
    get state() {
      return client.state;
    },
    async connect(hear, signal) {
      const stop = client.onState(hear);
      signal.addEventListener("abort", stop);
      return client;
    },
  };
}

/** The client below one provider, connected while something uses it, and the rooms in use. */
export class ChatStore {
  state: ConnectionState;
  client: ChatClient | undefined;
  readonly rooms = new Map<number, RoomStore>();
  readonly #source: Source;
  readonly #hearing = new Set<() => void>();
  #ready: Promise<ChatClient> | undefined;
  #stop = new AbortController();
  #uses = 0;
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Source) {
    this.#source = source;
    this.state = source.state;
  }

  // The same function at every render.
  readonly subscribe = (hear: () => void): (() => void) => {
    this.#hearing.add(hear);
    return () => this.#hearing.delete(hear);
  };

  /** Holds the connection until what this returns is called. */
  retain(): () => void {
    this.#uses += 1;
    clearTimeout(this.#grace);
    this.ready().catch(() => {});
    return () => {
      this.#uses -= 1;
      if (this.#uses === 0) this.#grace = setTimeout(() => this.#release(), GRACE_MS);
    };
  }

  ready(): Promise<ChatClient> {
    if (this.#ready) return this.#ready;
    const ready = (this.#ready = this.#connect());
    ready.then(
      () => {
        for (const room of this.rooms.values()) room.reached();
      },
      () => {
        // Who asks next has it tried again.
        if (this.#ready === ready) this.#ready = undefined;
      },
    );
    return ready;
  }

  /** Joins the room with the first who subscribes, leaves it some time after the last. */
  subscribeRoom(bookId: number, hear: () => void, initial: InitialRoom | undefined, snapshot: RoomSnapshot): () => void {
    let room = this.rooms.get(bookId);
    if (!room) {
      room = new RoomStore(this, bookId, initial, snapshot);
      this.rooms.set(bookId, room);
    }
    return room.subscribe(hear);
  }

  async #connect(): Promise<ChatClient> {
    const stop = (this.#stop = new AbortController());
    const client = await this.#source.connect((state) => {
      if (!stop.signal.aborted) this.#moved(state);
    }, stop.signal);
    this.client = client;
    this.#moved(client.state);
    return client;
  }

  #release(): void {
    this.#stop.abort();
    this.#ready = undefined;
    this.client = undefined;
    this.#moved(this.#source.state);
  }

  #moved(state: ConnectionState): void {
    this.state = state;
    for (const hear of this.#hearing) hear();
  }
}
