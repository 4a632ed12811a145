import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { Message } from "readrealm-chat";

/**
 * What an ended client had not sent yet, by room. The outbox gives it to the next client, which shows it once it has
 * joined the room. A reader who chose another name while the server is away sees it here until then.
 */
const waiting = new Map<number, readonly Message[]>();
const listeners = new Set<() => void>();
const none: readonly Message[] = [];

function put(bookId: number, messages: readonly Message[]): void {
  if (messages.length === 0) waiting.delete(bookId);
  else waiting.set(bookId, messages);
  for (const changed of listeners) changed();
}

export function leaveBehind(bookId: number, userId: string, content: string): void {
  const at = new Date().toISOString();
  const before = waiting.get(bookId) ?? none;
  const id = `left-behind-${before.length}`;
  const message: Message = { id, seq: 0, bookId, userId, username: "", content, createdAt: at, updatedAt: at, status: "sending" };
  put(bookId, [message, ...before]);
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

/** The room's messages once it is joined; before, what waits to be sent to it. */
export function useWithLeftBehind(bookId: number, messages: readonly Message[], joined: boolean): readonly Message[] {
  const left = useSyncExternalStore(
    subscribe,
    useCallback(() => waiting.get(bookId) ?? none, [bookId]),
  );
  useEffect(() => {
    if (joined && left.length > 0) put(bookId, none);
  }, [bookId, joined, left]);
  return joined || messages.length > 0 ? messages : left;
}
