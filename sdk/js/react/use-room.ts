import { useCallback, useMemo, useSyncExternalStore } from "react";
import {
  ChatError,
  type ConnectionState,
  type Members,
  type Message,
  type Page,
  type Room,
  type User,
} from "readrealm-chat";
import type { ChatStore } from "./chat-store.js";
import { useChatState, useStore } from "./provider.js";
import { JOINING } from "./room-store.js";

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
  readonly error: ChatError | undefined;
  /** Where the connection stands. */
  readonly state: ConnectionState;
  /** Posts; resolves once durable. */
  readonly send: (content: string) => Promise<Message>;
  /** Gives an own message new words; resolves once durable. */
  readonly edit: (messageId: string, content: string) => Promise<void>;
  /** Withdraws an own message, or takes a failed one off the list. */
  readonly delete: (messageId: string) => Promise<void>;
  /** Adds older messages. */
  readonly loadPrevious: (limit?: number) => Promise<Page>;
  /** To be called at every key, and with `false` when the user is done. */
  readonly setTyping: (typing: boolean) => void;
}

/**
 * A book's room, joined while a component uses it, once however many do. A busy room renders at most once a frame.
 */
export function useRoom(bookId: number): RoomView {
  const store = useStore();
  const state = useChatState();
  const subscribe = useCallback((hear: () => void) => store.subscribeRoom(bookId, hear), [store, bookId]);
  const snapshot = useSyncExternalStore(
    subscribe,
    () => store.rooms.get(bookId)?.snapshot ?? JOINING,
    () => JOINING,
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
  return {
    send: async (content: string) => (await room()).send(content),
    edit: async (messageId: string, content: string) => (await room()).edit(messageId, content),
    delete: async (messageId: string) => (await room()).delete(messageId),
    loadPrevious: async (limit?: number) => (await room()).loadPrevious(limit),
    setTyping: (typing: boolean) => {
      room().then(
        (joined) => joined.setTyping(typing),
        () => {},
      );
    },
  };
}
