import { useEffect, useState } from "react";
import type { Message } from "readrealm-chat";

import { local, recall, remember } from "../storage";
import { useVisible } from "../visible";
import type { LogScroll } from "./use-log-scroll";

/** Places in the room between which a message came while the reader was away: after `since`, up to `until`. */
export interface Unread {
  since: number;
  until: number;
}

export function isUnread(message: Message, userId: string, unread: Unread | undefined): boolean {
  return (
    unread !== undefined &&
    message.status === "sent" &&
    message.userId !== userId &&
    message.seq > unread.since &&
    message.seq <= unread.until
  );
}

/** Whether there may be unread messages before the oldest that is loaded. */
export function reachesBeyond(newestFirst: readonly Message[], unread: Unread, hasMore: boolean): boolean {
  const oldest = newestFirst.findLast(({ status }) => status === "sent");
  return hasMore && (oldest === undefined || oldest.seq > unread.since + 1);
}

/** The place a reader has read up to, by room; none for a room that is new to them. */
function readMark(key: string): number | undefined {
  const mark = Number(recall(local, key) ?? Number.NaN);
  return Number.isSafeInteger(mark) ? mark : undefined;
}

/**
 * What came while the reader was away: since the last visit, or while another tab was in front. It stays marked until
 * they go again. What is read is told by `scroll`.
 */
export function useUnread(bookId: number, userId: string, newest: number | undefined, scroll: LogScroll): Unread | undefined {
  const key = `readrealm.read.${userId}.${bookId}`;
  const visible = useVisible();
  const [mark] = useState(() => readMark(key));
  const [unread, setUnread] = useState<Unread>();
  const [away, setAway] = useState(true);

  // Set while rendering, so that no frame shows the messages without the mark.
  if (newest !== undefined && visible && away) {
    setAway(false);
    // A place beyond the newest is one in another log.
    if (unread === undefined && mark !== undefined && mark <= newest) setUnread({ since: mark, until: newest });
    else if (unread !== undefined) setUnread({ ...unread, until: newest });
  } else if (newest !== undefined && !visible && !away) {
    setAway(true);
    setUnread({ since: newest, until: Number.POSITIVE_INFINITY });
  }

  useEffect(() => {
    if (newest !== undefined && visible && scroll.isFollowing()) remember(local, key, String(newest));
  }, [key, newest, scroll, visible]);

  return unread;
}
