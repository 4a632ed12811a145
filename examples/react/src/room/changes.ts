import { useCallback, useSyncExternalStore } from "react";

import { recall, remember, session } from "../storage";

/** What the reader did to a message of their own, until the room shows it. */
export interface Change {
  /** The new words; none where it is deleted. */
  content: string | undefined;
  /** `left`: the client that was to send it has ended, and the next one sends it. */
  status: "pending" | "left" | "done" | "failed";
  /** Of the message that was changed: once it has another, the room shows the change itself. */
  updatedAt: string;
  /** Why it failed. */
  reason: string;
}

/** By message id. */
export type Changes = ReadonlyMap<string, Change>;

/**
 * By room, and kept outside of the components: a change may be refused after its room was left. The words of those that
 * were refused are kept in the session as well, so that they outlive a reload.
 */
const rooms = new Map<number, Changes>();
const listeners = new Set<() => void>();
const keyOf = (bookId: number) => `readrealm.refused.${bookId}`;

function read(bookId: number): Changes {
  let changes = rooms.get(bookId);
  if (changes === undefined) rooms.set(bookId, (changes = recalled(bookId)));
  return changes;
}

function recalled(bookId: number): Changes {
  try {
    // Written below, by this page alone.
    return new Map(JSON.parse(recall(session, keyOf(bookId)) ?? "[]") as [string, Change][]);
  } catch {
    return new Map();
  }
}

/** Puts a change in the place of `over`, or of whatever there is. Without one it is forgotten. */
export function putChange(bookId: number, id: string, change: Change | undefined, over?: Change): void {
  const old = read(bookId);
  // The outcome of an earlier change is of no interest once there is a later one.
  if (over !== undefined && old.get(id) !== over) return;
  const next = new Map(old);
  if (change === undefined) next.delete(id);
  else next.set(id, change);
  rooms.set(bookId, next);
  const refused = [...next].filter(([, { status }]) => status === "failed");
  remember(session, keyOf(bookId), refused.length === 0 ? "" : JSON.stringify(refused));
  for (const changed of listeners) changed();
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

export function useRoomChanges(bookId: number): Changes {
  return useSyncExternalStore(
    subscribe,
    useCallback(() => read(bookId), [bookId]),
  );
}
