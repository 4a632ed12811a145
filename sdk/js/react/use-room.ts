import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import {
  type Abortable,
  ChatError,
  type ConnectionState,
  type InitialRoom,
  type Members,
  type Message,
  type Page,
  type Room,
  type RoomEvent,
  type SendOptions,
  type User,
} from "readrealm-chat";
import { abortable } from "../abort.js";
import type { ChatStore } from "./chat-store.js";
import { useChatState, useStore } from "./provider.js";
import { beforeJoin } from "./room-store.js";

/** A room as a component shows it. What it can do works from the first render on, and waits for the join. */
export interface RoomView {
  /** Newest first, the own ones on their way on top. */
  readonly messages: readonly Message[];
  /** Whether there are older messages than those. */
  readonly hasMore: boolean;
  /** Who is here. */
  readonly members: Members;
  /** Who is writing. */
  readonly typing: readonly User[];
  /** Whether the room is there; `failed` when the server refuses it or the client is closed: see `error`. */
  readonly status: "joining" | "joined" | "failed";
  /** Why it failed, while it has. */
  readonly error: ChatError | undefined;
  /** Where the connection stands. */
  readonly state: ConnectionState;
  /** Posts; resolves once durable. */
  readonly send: (content: string, options?: SendOptions) => Promise<Message>;
  /** Gives an own message new words; resolves once durable. */
  readonly edit: (messageId: string, content: string, options?: Abortable) => Promise<void>;
  /** Withdraws an own message, or takes a failed one off the list. */
  readonly delete: (messageId: string, options?: Abortable) => Promise<void>;
  /** Adds older messages. */
  readonly loadPrevious: (limit?: number, options?: Abortable) => Promise<Page>;
  /** To be called at every key, and with `false` when the user is done. */
  readonly setTyping: (typing: boolean) => void;
}

/** What {@link useRoom} takes. */
export interface UseRoomOptions {
  /**
   * The room's state from `fetchRoom`, of the same book. The first render shows it, on a server and in a browser, and
   * the join goes on from it. It counts until the room is joined.
   */
  readonly initial?: InitialRoom | undefined;
  /**
   * Hears every event of the room while the component uses it, as `room.subscribe` does; what it closes over is that of
   * the latest render.
   */
  readonly onEvent?: ((event: RoomEvent) => void) | undefined;
}

/**
 * A book's room, joined while a component uses it, once however many do. A busy room renders at most once a frame.
 */
export function useRoom(bookId: number, options?: UseRoomOptions): RoomView {
  const store = useStore();
  const state = useChatState();
  const initial = options?.initial?.bookId === bookId ? options.initial : undefined;
  const first = useMemo(() => beforeJoin(initial), [initial]);
  // Read when the room is subscribed to: another state alone is no reason to do that anew.
  const onEvent = options?.onEvent;
  const latest = useRef({ initial, first, onEvent });
  useEffect(() => {
    latest.current = { initial, first, onEvent };
  });
  const subscribe = useCallback(
    (hear: () => void) => store.subscribeRoom(bookId, hear, latest.current.initial, latest.current.first),
    [store, bookId],
  );
  const snapshot = useSyncExternalStore(
    subscribe,
    () => store.rooms.get(bookId)?.snapshot ?? first,
    () => first,
  );
  // After the subscription, with which the room is there.
  useEffect(
    () => store.rooms.get(bookId)?.events.add((event) => latest.current.onEvent?.(event)),
    [store, bookId],
  );
  const actions = useMemo(() => actionsOf(store, bookId), [store, bookId]);
  return useMemo(() => ({ ...snapshot, ...actions, state }), [snapshot, actions, state]);
}

function actionsOf(store: ChatStore, bookId: number) {
  const room = async (): Promise<Room> => {
    const entry = store.rooms.get(bookId);
    if (!entry) throw new ChatError("left", `room ${bookId} was left`);
    return entry.joined;
  };
  const joined = (options: Abortable | undefined) => abortable(room(), options?.signal);
  return {
    send: async (content: string, options?: SendOptions) => (await joined(options)).send(content, options),
    edit: async (messageId: string, content: string, options?: Abortable) =>
      (await joined(options)).edit(messageId, content, options),
    delete: async (messageId: string, options?: Abortable) => (await joined(options)).delete(messageId, options),
    loadPrevious: async (limit?: number, options?: Abortable) => (await joined(options)).loadPrevious(limit, options),
    setTyping: (typing: boolean) => {
      room().then(
        (joined) => joined.setTyping(typing),
        () => {},
      );
    },
  };
}
