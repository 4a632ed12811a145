import { memo } from "react";
import type { Message } from "readrealm-chat";

import { clockTime, fullTime } from "../time";
import { Avatar, toneOf } from "./avatar";
import { Text } from "./text";
import { isSettled } from "./timeline";

interface MessageProps {
  message: Message;
  mine: boolean;
  opens: boolean;
  closes: boolean;
}

export const MessageRow = memo(function MessageRow({ message, mine, opens, closes }: MessageProps) {
  const written = new Date(message.createdAt);
  const classes = ["message", mine && "mine", opens && "opens", closes && "closes", message.status];
  return (
    <article className={classes.filter(Boolean).join(" ")} data-seq={isSettled(message) ? message.seq : undefined}>
      {!mine && opens && <Avatar userId={message.userId} username={message.username} />}
      {/* Every message names its author to a screen reader; the eye sees the name once per run. */}
      <p className={opens ? "byline" : "byline again"}>
        <span className={mine ? "author" : `author tone-text-${toneOf(message.userId)}`}>
          {mine ? "You" : message.username}
        </span>{" "}
        <time dateTime={message.createdAt} title={fullTime(written)}>
          {clockTime(written)}
        </time>
      </p>
      <p className="content" data-testid="content" dir="auto">
        <Text>{message.content}</Text>
      </p>
      {message.status === "sending" && <p className="delivery">Sending…</p>}
    </article>
  );
});
