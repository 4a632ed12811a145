import { useCallback, useMemo, useState } from "react";
import type { Message } from "readrealm-chat";

import { explain } from "./errors";

/** What the reader did to a message of their own, until the room shows it. */
export interface Change {
  /** The new words; none where it is deleted. */
  content: string | undefined;
  status: "pending" | "done" | "failed";
  /** Of the message that was changed: once it has another, the room shows the change itself. */
  updatedAt: string;
  /** Why it failed. */
  reason: string;
}

/** What a reader can do about an own message that is on record. */
export interface ChangeActions {
  edit: (message: Message, content: string) => void;
  remove: (message: Message) => void;
  /** Forgets a change that failed. */
  forget: (message: Message) => void;
}

type Edit = (messageId: string, content: string) => Promise<void>;
type Delete = (messageId: string) => Promise<void>;

/** Edits and deletes, shown at once and by message id. Where one fails, it says so and the old words are back. */
export function useChanges(edit: Edit, remove: Delete): { changes: ReadonlyMap<string, Change>; actions: ChangeActions } {
  const [changes, setChanges] = useState<ReadonlyMap<string, Change>>(new Map());

  const put = useCallback((id: string, change: Change | undefined, over?: Change) => {
    setChanges((old) => {
      // The outcome of an earlier change is of no interest once there is a later one.
      if (over !== undefined && old.get(id) !== over) return old;
      const next = new Map(old);
      if (change === undefined) next.delete(id);
      else next.set(id, change);
      return next;
    });
  }, []);

  const actions = useMemo<ChangeActions>(() => {
    const follow = ({ id, updatedAt }: Message, content: string | undefined, done: Promise<void>) => {
      const change: Change = { content, status: "pending", updatedAt, reason: "" };
      put(id, change);
      done.then(
        () => put(id, { ...change, status: "done" }, change),
        (error: unknown) => put(id, { ...change, status: "failed", reason: explain(error) }, change),
      );
    };
    return {
      edit: (message, content) => follow(message, content, edit(message.id, content)),
      remove: (message) => follow(message, undefined, remove(message.id)),
      forget: (message) => put(message.id, undefined),
    };
  }, [edit, put, remove]);

  return { changes, actions };
}

/** The change that is still to be shown over a message. */
export function changeOf(message: Message, changes: ReadonlyMap<string, Change>): Change | undefined {
  const change = changes.get(message.id);
  return change?.status === "done" && change.updatedAt !== message.updatedAt ? undefined : change;
}
