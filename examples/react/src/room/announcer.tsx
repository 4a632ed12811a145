import { useEffect, useRef, useState } from "react";
import type { Message } from "readrealm-chat";

import { isSettled } from "./timeline";

/** Messages that come within this time are told of together. */
const PAUSE_MS = 1_000;
/** More than this many at once are counted, not read out. */
const READ_OUT = 2;

interface AnnouncerProps {
  messages: readonly Message[];
  userId: string;
  joined: boolean;
}

/**
 * Reads new messages of others out to a screen reader. The log itself is silent: it also changes where a time, a mark or
 * an older page does, which is no news.
 */
export function Announcer({ messages, userId, joined }: AnnouncerProps) {
  const [words, setWords] = useState("");
  const told = useRef<number>(undefined);
  const latest = useRef(messages);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    latest.current = messages;
    const newest = messages.find(isSettled)?.seq ?? 0;
    if (!joined || timer.current !== undefined) return;
    // What the room held when it was joined is history.
    told.current ??= newest;
    // A log that begins anew has earlier places.
    told.current = Math.min(told.current, newest);
    if (newest <= told.current) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      const since = told.current ?? 0;
      const news = latest.current.filter((m) => isSettled(m) && m.seq > since);
      told.current = news[0]?.seq ?? since;
      const others = news.filter((m) => m.userId !== userId).reverse();
      if (others.length > 0) setWords(readOut(others));
    }, PAUSE_MS);
  }, [joined, messages, userId]);

  useEffect(() => {
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, []);

  return (
    <div className="visually-hidden" aria-live="polite" data-testid="announcer">
      {words}
    </div>
  );
}

function readOut(news: readonly Message[]): string {
  const told = news.slice(-READ_OUT).map(({ username, content }) => `${username}: ${content}`);
  return news.length > READ_OUT ? `${news.length} new messages, the last from ${news.at(-1)?.username ?? ""}` : told.join("\n");
}
