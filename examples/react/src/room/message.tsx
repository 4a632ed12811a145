import { memo } from "react";
import type { Message } from "readrealm-chat";

import { Avatar, toneOf } from "./avatar";
import { EditForm } from "./edit-form";
import { Outcome } from "./outcome";
import { OwnActions, TakeBack } from "./own-actions";
import { Text } from "./text";
import { isSettled } from "./timeline";
import type { Change } from "./changes";
import { isOpen, type ChangeActions } from "./use-changes";
import type { SendActions } from "./use-sending";
import { Clock, When } from "./when";

export interface RowActions extends ChangeActions, SendActions {
  startEdit: (messageId: string) => void;
  endEdit: () => void;
}

interface MessageProps {
  message: Message;
  mine: boolean;
  opens: boolean;
  closes: boolean;
  /** What the reader did to it and the room does not show yet. */
  change: Change | undefined;
  editing: boolean;
  /** Whether what is on its way waits for the connection. */
  waiting: boolean;
  /** Why it failed, where it did. */
  reason: string | undefined;
  /** The own message whose buttons Tab reaches. */
  reachable: boolean;
  actions: RowActions;
}

export const MessageRow = memo(function MessageRow(props: MessageProps) {
  const { message, mine, opens, closes, change, editing, waiting, reason, reachable, actions } = props;
  const open = change !== undefined && change.status !== "failed";
  const content = (open ? change.content : undefined) ?? message.content;
  const takeable = waiting && message.status === "sending" && message.clientMessageId !== undefined;
  const changeable = mine && isSettled(message) && !editing && !open;
  const classes = ["message", mine && "mine", opens && "opens", closes && "closes", message.status];
  if (open && change.content === undefined) classes.push("leaving");
  return (
    <article className={classes.filter(Boolean).join(" ")} data-seq={isSettled(message) ? message.seq : undefined}>
      {!mine && opens && <Avatar userId={message.userId} username={message.username} />}
      {/* Every message names its author to a screen reader; the eye sees the name once per run. */}
      <p className={opens ? "byline" : "byline again"}>
        <span className={mine ? "author" : `author tone-text-${toneOf(message.userId)}`}>
          {mine ? "You" : message.username}
        </span>{" "}
        {opens ? <When at={message.createdAt} /> : <Clock at={message.createdAt} />}
      </p>
      {/* Focusable by touch alone: a finger cannot point without pressing. */}
      <div className="bubble" tabIndex={changeable || takeable ? -1 : undefined} hidden={editing}>
        <p className="content" data-testid="content" dir="auto">
          <Text>{content}</Text>
        </p>
        <span className="mark">{markOf(message, change, waiting)}</span>
        {takeable && <TakeBack reachable={reachable} onTakeBack={() => actions.takeBack(message)} />}
        {changeable && (
          <OwnActions
            reachable={reachable}
            onEdit={() => actions.startEdit(message.id)}
            onDelete={() => {
              actions.remove(message);
              actions.endEdit();
            }}
          />
        )}
      </div>
      {editing && (
        <EditForm
          content={content}
          onEnd={actions.endEdit}
          onSave={(words) => {
            actions.edit(message, words);
            actions.endEdit();
          }}
        />
      )}
      {message.status === "failed" && (
        <Outcome
          what="Not sent"
          reason={reason}
          onRetry={() => actions.retry(message)}
          onDiscard={() => actions.discard(message)}
          discard="Discard"
        />
      )}
      {change?.status === "failed" && (
        <Outcome
          what={change.content === undefined ? "Not deleted" : "Not changed"}
          reason={change.reason}
          onRetry={() => {
            if (change.content === undefined) actions.remove(message);
            else actions.edit(message, change.content);
          }}
          onDiscard={() => actions.forget(message.id)}
          discard="Leave it"
        />
      )}
    </article>
  );
});

/** One word beside the message, in a place that is kept for it. */
function markOf(message: Message, change: Change | undefined, waiting: boolean): string {
  if (message.status === "sending" || isOpen(change)) {
    if (waiting) return "Waiting";
    return change === undefined ? "Sending…" : change.content === undefined ? "Deleting…" : "Saving…";
  }
  return message.updatedAt === message.createdAt && change?.status !== "done" ? "" : "edited";
}
