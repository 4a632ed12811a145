import { useEffect, useMemo, useRef, useState } from "react";
import { ChatError, type Message } from "readrealm-chat";

import { randomId } from "../reader";
import { returnToDraft } from "./drafts";
import { explain, isOver } from "./errors";
import { leaveBehind } from "./left-behind";
import { isWrittenDown } from "./outbox";

/** Refusals that leave no message in the room: its words would be lost with it. */
const LEFT_NOTHING = new Set(["invalid_data", "outbox_full", "load_failed", "left"]);

export interface SendActions {
  say: (content: string) => void;
  /** Sends a failed message once more. */
  retry: (message: Message) => void;
  discard: (message: Message) => void;
  /** Takes back what is still on its way: its words are in the message box again. */
  takeBack: (message: Message) => void;
}

interface Sending {
  actions: SendActions & {
    /** Says why a message of an earlier page failed. */
    explainRefused: (id: string, error: unknown) => void;
  };
  /** Why messages failed, by the id of their copies. */
  reasons: ReadonlyMap<string, string>;
  /** Why something could not even be put into the room: its words are back in the message box. */
  refused: string;
}

/** Sends, and sees to it that words are never lost: what fails stays in the room, or goes back into the message box. */
export function useSending(
  bookId: number,
  userId: string,
  messages: readonly Message[],
  send: (content: string, options: { clientMessageId: string }) => Promise<unknown>,
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

  const actions = useMemo<Sending["actions"]>(() => {
    const explainRefused = (id: string, error: unknown) => setReasons((old) => new Map(old).set(id, explain(error)));
    const speak = (content: string, clientMessageId: string) => {
      setRefused("");
      send(content, { clientMessageId }).catch((error: unknown) => {
        const code = error instanceof ChatError ? error.code : "";
        if (code === "withdrawn") return;
        // The outbox outlives the connection: what was on its way goes out with the next one.
        if (isOver(error) && isWrittenDown(clientMessageId)) return leaveBehind(bookId, userId, content);
        if (mounted.current && !isOver(error) && !LEFT_NOTHING.has(code)) return explainRefused(clientMessageId, error);
        setRefused(explain(error));
        returnToDraft(bookId, content);
      });
    };
    const discard = (message: Message) => {
      remove(message.id).catch(() => {});
      setReasons((old) => {
        const next = new Map(old);
        next.delete(message.id);
        return next;
      });
    };
    return {
      // Named here, so that it is the same message however often it is tried.
      say: (content) => speak(content, randomId()),
      retry: (message) => {
        discard(message);
        speak(message.content, message.clientMessageId ?? randomId());
      },
      discard,
      takeBack: (message) => {
        remove(message.id).then(
          () => returnToDraft(bookId, message.content),
          // It was on record before that.
          () => {},
        );
      },
      explainRefused,
    };
  }, [bookId, remove, send, userId]);

  return { actions, reasons, refused };
}
