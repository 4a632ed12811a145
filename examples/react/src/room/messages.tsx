import { useMemo, type ReactNode } from "react";
import type { Message } from "readrealm-chat";

import { dayName, useToday } from "../time";
import { MessageRow } from "./message";
import { timeline } from "./timeline";
import type { useLogScroll } from "./use-log-scroll";
import { useOlder } from "./use-older";

interface MessagesProps {
  messages: readonly Message[];
  userId: string;
  joined: boolean;
  hasMore: boolean;
  loadPrevious: () => Promise<{ hasMore: boolean }>;
  scroll: ReturnType<typeof useLogScroll>;
  /** Shown while there are no messages. */
  placeholder: ReactNode;
}

export function Messages({ messages, userId, joined, hasMore, loadPrevious, scroll, placeholder }: MessagesProps) {
  const today = useToday();
  const entries = useMemo(() => timeline(messages, userId), [messages, userId]);
  const older = useOlder(scroll.log, joined && hasMore, loadPrevious);

  return (
    <div
      ref={scroll.log}
      className="log"
      role="log"
      aria-label="Messages"
      aria-live="polite"
      // History is not news: a screen reader is told of messages only once the page has caught up.
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
        {entries.map((entry) =>
          entry.kind === "day" ? (
            <p key={entry.key} className="day">
              <time dateTime={isoDay(entry.date)}>{dayName(entry.date, today)}</time>
            </p>
          ) : (
            <MessageRow
              key={entry.key}
              message={entry.message}
              mine={entry.mine}
              opens={entry.opens}
              closes={entry.closes}
            />
          ),
        )}
      </div>
      {entries.length === 0 && placeholder}
    </div>
  );
}

function isoDay(date: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
