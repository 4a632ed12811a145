import { memo, useLayoutEffect, useMemo, useRef } from "react";
import type { Message } from "readrealm-chat";

import type { Book } from "../books";
import { dayName, useToday } from "../time";
import { MessageRow, type RowActions } from "./message";
import { Placeholder } from "./placeholder";
import { isSettled, timeline } from "./timeline";
import type { Changes } from "./changes";
import { changeOf, isOpen } from "./use-changes";
import type { LogScroll } from "./use-log-scroll";
import { useOlder } from "./use-older";
import { reachesBeyond, type Unread } from "./use-unread";

interface MessagesProps {
  book: Book;
  messages: readonly Message[];
  userId: string;
  status: "joining" | "joined" | "failed";
  hasMore: boolean;
  loadPrevious: () => Promise<{ hasMore: boolean }>;
  scroll: LogScroll;
  unread: Unread | undefined;
  changes: Changes;
  /** Why messages failed, by the id of their copies. */
  reasons: ReadonlyMap<string, string>;
  /** The message that is being edited. */
  editing: string | undefined;
  /** Whether the connection is away. */
  away: boolean;
  actions: RowActions;
}

/** The log. What changes elsewhere in the room, such as who is writing, renders none of it. */
export const Messages = memo(function Messages(props: MessagesProps) {
  const { book, messages, userId, status, hasMore, loadPrevious, scroll, unread, changes, reasons, away, actions } = props;
  const joined = status === "joined";
  const today = useToday();
  const entries = useMemo(() => timeline(messages, userId, unread, hasMore), [messages, userId, unread, hasMore]);
  const own = useMemo(() => messages.filter((m) => m.userId === userId), [messages, userId]);
  const reachable = [own.find(isSettled)?.id, own.find((m) => m.status === "sending")?.id];
  const older = useOlder(scroll.log, joined && hasMore, loadPrevious);

  // A reader who comes back goes on where they had been, once.
  const divider = useRef<HTMLParagraphElement>(null);
  const opened = useRef(false);
  useLayoutEffect(() => {
    if (!joined || opened.current) return;
    opened.current = true;
    // More is new than is loaded: from the oldest on, until the reader turns back to the line.
    const oldest = unread !== undefined && reachesBeyond(messages, unread, hasMore) ? scroll.list.current?.firstElementChild : null;
    const place = divider.current ?? oldest;
    if (place instanceof HTMLElement) scroll.openAt(place);
  }, [hasMore, joined, messages, scroll, unread]);

  return (
    <div
      ref={scroll.log}
      className="log"
      role="log"
      aria-label="Messages"
      // Silent: what is new the announcer tells.
      aria-live="off"
      aria-busy={!joined || older.phase === "loading"}
      tabIndex={0}
    >
      <div className="log-top" ref={older.sentinel}>
        {older.phase === "loading" && <p className="log-note">Turning back the pages…</p>}
        {older.phase === "failed" && (
          <p className="log-note">
            The older messages did not come.{" "}
            <button type="button" className="link-button" onClick={older.load}>
              Try again
            </button>
          </p>
        )}
        {joined && !hasMore && entries.length > 0 && <p className="log-note">The conversation begins here</p>}
      </div>
      <div className="log-list" ref={scroll.list}>
        {entries.map((entry) => {
          if (entry.kind === "day") {
            return (
              <p key={entry.key} className="day">
                <time dateTime={isoDay(entry.date)}>{dayName(entry.date, today)}</time>
              </p>
            );
          }
          if (entry.kind === "unread") {
            return (
              <p key={entry.key} className="day unread" ref={divider}>
                New since you were here
              </p>
            );
          }
          const { message } = entry;
          const change = entry.mine ? changeOf(message, changes) : undefined;
          return (
            <MessageRow
              key={entry.key}
              message={message}
              mine={entry.mine}
              opens={entry.opens}
              closes={entry.closes}
              change={change}
              editing={props.editing === message.id}
              waiting={away && (message.status === "sending" || isOpen(change))}
              reason={message.status === "failed" ? reasons.get(message.id) : undefined}
              reachable={reachable.includes(message.id)}
              actions={actions}
            />
          );
        })}
      </div>
      {entries.length === 0 && <Placeholder book={book} status={status} />}
    </div>
  );
});

function isoDay(date: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
