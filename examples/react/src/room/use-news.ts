import { useEffect, useMemo, useState } from "react";
import type { Message } from "readrealm-chat";

import { useVisible } from "../visible";
import { isSettled } from "./timeline";

/** How many messages of others came since the reader last had the newest in view. */
export function useNews(messages: readonly Message[], userId: string, joined: boolean, inView: boolean): number {
  const newest = useMemo(() => messages.find(isSettled)?.seq ?? 0, [messages]);
  const [seen, setSeen] = useState<number>();
  // What a room held when it was joined is history, wherever the reader was looking.
  if (joined && (inView || seen === undefined) && seen !== newest) setSeen(newest);
  return useMemo(() => {
    if (inView || seen === undefined) return 0;
    return messages.filter((m) => isSettled(m) && m.seq > seen && m.userId !== userId).length;
  }, [inView, messages, seen, userId]);
}

/** The tab's title tells a reader who is elsewhere that the conversation went on. */
export function useRoomTitle(title: string, messages: readonly Message[], userId: string, joined: boolean): void {
  const news = useNews(messages, userId, joined, useVisible());

  useEffect(() => {
    document.title = `${news > 0 ? `(${news}) ` : ""}${title} · ReadRealm Chat`;
  }, [news, title]);
}
