import { useMemo } from "react";
import { ChatError, type Message } from "readrealm-chat";

import { type Change, type Changes, putChange, useRoomChanges } from "./changes";
import { explain, isOver } from "./errors";
import { isWrittenDown } from "./outbox";

/** What a reader can do about an own message that is on record. */
export interface ChangeActions {
  edit: (message: Message, content: string) => void;
  remove: (message: Message) => void;
  /** Forgets a change that failed. */
  forget: (messageId: string) => void;
}

type Edit = (messageId: string, content: string) => Promise<void>;
type Delete = (messageId: string) => Promise<void>;

/** Edits and deletes, shown at once. Where one fails, it says so and the old words are back, until the reader has decided. */
export function useChanges(bookId: number, edit: Edit, remove: Delete): { changes: Changes; actions: ChangeActions } {
  const changes = useRoomChanges(bookId);

  const actions = useMemo<ChangeActions>(() => {
    const follow = ({ id, updatedAt }: Message, content: string | undefined, done: Promise<void>) => {
      const change: Change = { content, status: "pending", updatedAt, reason: "" };
      const become = (next: Partial<Change>) => putChange(bookId, id, { ...change, ...next }, change);
      putChange(bookId, id, change);
      done.then(
        () => become({ status: "done" }),
        (error: unknown) => {
          const left = isOver(error) && isWrittenDown(id, ...(content === undefined ? [] : [content]));
          become(left ? { status: "left" } : { status: "failed", reason: explain(error) });
        },
      );
    };
    return {
      edit: (message, content) => follow(message, content, edit(message.id, content)),
      remove: (message) => follow(message, undefined, remove(message.id)),
      forget: (messageId) => putChange(bookId, messageId, undefined),
    };
  }, [bookId, edit, remove]);

  return { changes, actions };
}

/** A change that an earlier page left in the outbox was refused. */
export function refusedChange(bookId: number, messageId: string, content: string | undefined, error: ChatError): void {
  putChange(bookId, messageId, { content, status: "failed", updatedAt: "", reason: explain(error) });
}

/** The change that is still to be shown over a message. */
export function changeOf(message: Message, changes: Changes): Change | undefined {
  const change = changes.get(message.id);
  const passes = change?.status === "done" || change?.status === "left";
  return passes && change.updatedAt !== message.updatedAt ? undefined : change;
}

/** Whether it is still on its way. */
export function isOpen(change: Change | undefined): boolean {
  return change?.status === "pending" || change?.status === "left";
}
