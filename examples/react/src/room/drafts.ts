import { useCallback, useSyncExternalStore } from "react";

import { recall, remember, session } from "../storage";

/**
 * What is being written, by room. Kept outside of the components, so that the words of a refused message find their
 * way back even when the room was closed meanwhile, and in the session, so that they outlive a reload.
 */
const drafts = new Map<number, string>();
const listeners = new Set<() => void>();
const keyOf = (bookId: number) => `readrealm.draft.${bookId}`;

function read(bookId: number): string {
  let draft = drafts.get(bookId);
  if (draft === undefined) drafts.set(bookId, (draft = recall(session, keyOf(bookId)) ?? ""));
  return draft;
}

export function writeDraft(bookId: number, draft: string): void {
  drafts.set(bookId, draft);
  remember(session, keyOf(bookId), draft);
  for (const changed of listeners) changed();
}

/** Puts back what could not be sent, before anything written since. */
export function returnToDraft(bookId: number, content: string): void {
  const since = read(bookId);
  writeDraft(bookId, since === "" ? content : `${content}\n${since}`);
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

export function useDraft(bookId: number): string {
  return useSyncExternalStore(
    subscribe,
    useCallback(() => read(bookId), [bookId]),
  );
}
