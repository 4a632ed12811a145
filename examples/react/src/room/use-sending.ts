import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ChatError, type Message } from "readrealm-chat";

import { canRemember, local } from "../storage";
import { returnToDraft } from "./drafts";
import { explain } from "./errors";
import { leaveBehind } from "./left-behind";

/** Refusals that leave no message in the room: its words would be lost with it. */
const LEFT_NOTHING = new Set(["invalid_data", "outbox_full", "load_failed", "left"]);

/** The client ended. */
const OVER = new Set(["closed", "revoked"]);

export interface SendActions {
  say: (content: string) => void;
  /** Sends a failed message once more. */
  retry: (message: Message) => void;
  discard: (message: Message) => void;
}

interface Sending {
  actions: SendActions;
  /** Why messages failed, by their words. */
  reasons: ReadonlyMap<string, string>;
  /** Why something could not even be put into the room: its words are back in the message box. */
  refused: string;
}

/** Sends, and sees to it that words are never lost: what fails stays in the room, or goes back into the message box. */
export function useSending(
  bookId: number,
  userId: string,
  messages: readonly Message[],
  send: (content: string) => Promise<unknown>,
  remove: (messageId: string) => Promise<void>,
): Sending {
  const [reasons, setReasons] = useState<ReadonlyMap<string, string>>(new Map());
  const [refused, setRefused] = useState("");
  const mounted = useRef(false);
  const failed = useRef<readonly Message[]>([]);

  useEffect(() => {
    failed.current = messages.filter(({ status }) => status === "failed");
  }, [messages]);

  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
      // The room forgets what failed as soon as it is left.
      for (const message of failed.current) {
        remove(message.id).catch(() => {});
        returnToDraft(bookId, message.content);
      }
      failed.current = [];
    };
  }, [bookId, remove]);

  const say = useCallback(
    (content: string) => {
      setRefused("");
      send(content).catch((error: unknown) => {
        const code = error instanceof ChatError ? error.code : "";
        // The outbox outlives the connection: what was on its way goes out with the next one.
        if (OVER.has(code) && canRemember(local)) return leaveBehind(bookId, userId, content);
        if (mounted.current && !OVER.has(code) && !LEFT_NOTHING.has(code)) {
          setReasons((old) => new Map(old).set(content, explain(error)));
          return;
        }
        setRefused(explain(error));
        returnToDraft(bookId, content);
      });
    },
    [bookId, send, userId],
  );

  const actions = useMemo<SendActions>(() => {
    const discard = (message: Message) => {
      remove(message.id).catch(() => {});
      setReasons((old) => {
        const next = new Map(old);
        next.delete(message.content);
        return next;
      });
    };
    const retry = (message: Message) => {
      discard(message);
      say(message.content);
    };
    return { say, retry, discard };
  }, [remove, say]);

  return { actions, reasons, refused };
}
