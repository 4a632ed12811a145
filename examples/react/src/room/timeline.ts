import { messageKey, type Message } from "readrealm-chat";

import { startOfDay } from "../time";
import { isUnread, reachesBeyond, type Unread } from "./use-unread";

export type Entry =
  | { kind: "day"; key: string; date: Date }
  /** What follows came while the reader was away. */
  | { kind: "unread"; key: string }
  | {
      kind: "message";
      key: string;
      message: Message;
      mine: boolean;
      /** First, or last, of a run of messages that one author wrote in one go. */
      opens: boolean;
      closes: boolean;
    };

const RUN_GAP_MS = 5 * 60_000;

/** On the server's record, as opposed to an optimistic copy still on its way. */
export function isSettled(message: Message): boolean {
  return message.status === "sent";
}

function sameRun(a: Message, b: Message): boolean {
  return (
    a.userId === b.userId &&
    a.username === b.username &&
    Math.abs(Date.parse(b.createdAt) - Date.parse(a.createdAt)) < RUN_GAP_MS
  );
}

/** The room as it is read: oldest first, with the days, the runs of one author and what is unread marked. */
export function timeline(newestFirst: readonly Message[], userId: string, unread: Unread | undefined, hasMore: boolean): Entry[] {
  const entries: Entry[] = [];
  // Where the first of what is unread is not loaded yet, no line can stand before it.
  let divided: boolean = unread !== undefined && reachesBeyond(newestFirst, unread, hasMore);
  let previous: Message | undefined;
  let previousDay = Number.NaN;
  for (let i = newestFirst.length - 1; i >= 0; i--) {
    const message = newestFirst[i];
    if (message === undefined) continue;
    const day = startOfDay(new Date(message.createdAt));
    const newDay = day.getTime() !== previousDay;
    const divides: boolean = !divided && isUnread(message, userId, unread);
    const opens = newDay || divides || previous === undefined || !sameRun(previous, message);
    if (opens) closeRun(entries);
    if (newDay) entries.push({ kind: "day", key: `day-${day.getTime()}`, date: day });
    if (divides) entries.push({ kind: "unread", key: "unread" });
    divided ||= divides;
    entries.push({
      kind: "message",
      // A message keeps its element when it is acknowledged.
      key: messageKey(message),
      message,
      mine: message.userId === userId,
      opens,
      closes: false,
    });
    previous = message;
    previousDay = day.getTime();
  }
  closeRun(entries);
  return entries;
}

function closeRun(entries: Entry[]): void {
  const last = entries.at(-1);
  if (last?.kind === "message") last.closes = true;
}
