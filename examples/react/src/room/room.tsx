import { useCallback, useMemo, useRef, useState } from "react";
import type { RoomEvent } from "readrealm-chat";
import { useRoom } from "readrealm-chat/react";

import type { Book } from "../books";
import { MAIN_ID } from "../skip-link";
import { About } from "./about";
import { Announcer } from "./announcer";
import { Banner } from "./banner";
import { Composer } from "./composer";
import { explain, explainClosed } from "./errors";
import { useWithLeftBehind } from "./left-behind";
import type { RowActions } from "./message";
import { Messages } from "./messages";
import { RoomHeader } from "./room-header";
import { isSettled } from "./timeline";
import { Typing } from "./typing";
import { Unplaced } from "./unplaced";
import { changeOf, isOpen, refusedChange, useChanges } from "./use-changes";
import { useLogScroll } from "./use-log-scroll";
import { useNews, useRoomTitle } from "./use-news";
import { useSending } from "./use-sending";
import { isUnread, reachesBeyond, useUnread } from "./use-unread";

interface RoomProps {
  book: Book;
  userId: string;
  onReconnect: () => void;
}

export function Room({ book, userId, onReconnect }: RoomProps) {
  const room = useRoom(book.id, { onEvent: heard });
  const { loadPrevious, hasMore, members, typing, setTyping, state, status } = room;
  const joined = status === "joined";
  const messages = useWithLeftBehind(book.id, room.messages, joined);
  const box = useRef<HTMLTextAreaElement>(null);
  const [editing, setEditing] = useState<string>();
  const { changes, actions: changeActions } = useChanges(book.id, room.edit, room.delete);
  const { actions: sendActions, reasons, refused } = useSending(book.id, userId, messages, room.send, room.delete);

  const scroll = useLogScroll(messages);
  const newest = useMemo(() => (joined ? (messages.find(isSettled)?.seq ?? 0) : undefined), [joined, messages]);
  const unread = useUnread(book.id, userId, newest, scroll);
  const unreadCount = scroll.behind ? messages.filter((m) => isUnread(m, userId, unread)).length : 0;
  const more = unreadCount > 0 && unread !== undefined && reachesBeyond(messages, unread, hasMore) ? "+" : "";
  const news = useNews(messages, userId, joined, scroll.atNewest) + unreadCount;
  useRoomTitle(book.title, messages, userId, joined);

  const actions = useMemo<RowActions>(() => {
    const endEdit = () => {
      setEditing(undefined);
      // Where there is no pointer the focus would open the keyboard.
      if (matchMedia("(hover: hover)").matches) box.current?.focus();
    };
    return { ...changeActions, ...sendActions, startEdit: setEditing, endEdit };
  }, [changeActions, sendActions]);

  const { jumpToNewest } = scroll;
  const say = useCallback(
    (content: string) => {
      jumpToNewest();
      sendActions.say(content);
    },
    [jumpToNewest, sendActions],
  );

  function heard(event: RoomEvent) {
    if (event.type !== "refused") return;
    const { messageId, content, error, clientMessageId } = event;
    if (messageId === undefined) sendActions.explainRefused(clientMessageId, error);
    else refusedChange(book.id, messageId, content, error);
  }

  function editLast() {
    const last = messages.find((m) => isSettled(m) && m.userId === userId && !isOpen(changeOf(m, changes)));
    if (last !== undefined) setEditing(last.id);
  }

  const waiting = messages.filter((m) => m.status === "sending" || isOpen(changeOf(m, changes))).length;
  const over =
    state.status === "closed" ? explainClosed(state.reason) : status === "failed" ? explain(room.error) : undefined;
  return (
    <>
      <main className="room" id={MAIN_ID} tabIndex={-1}>
        <RoomHeader book={book} members={members} state={state} />
        <div className="log-frame">
          <Messages
            book={book}
            messages={messages}
            userId={userId}
            status={status}
            hasMore={hasMore}
            loadPrevious={loadPrevious}
            scroll={scroll}
            unread={unread}
            changes={changes}
            reasons={reasons}
            editing={editing}
            away={state.status !== "connected"}
            actions={actions}
          />
          <Banner state={state} waiting={waiting} />
          {!scroll.atNewest && (
            <button type="button" className={news > 0 ? "pill news" : "pill"} onClick={jumpToNewest}>
              {news > 0 ? `${news}${more} new: jump to newest` : "Jump to newest"}
            </button>
          )}
        </div>
        <Typing typing={typing} userId={userId} />
        <Composer
          bookId={book.id}
          box={box}
          canSend={over === undefined}
          onSend={say}
          onWriting={setTyping}
          onEditLast={editLast}
          trouble={
            over !== undefined ? (
              <p>
                {over}{" "}
                <button type="button" className="link-button" onClick={onReconnect}>
                  Connect again
                </button>
              </p>
            ) : (
              <>
                {refused !== "" && <p>{refused}</p>}
                {joined && <Unplaced bookId={book.id} changes={changes} messages={messages} onForget={actions.forget} />}
              </>
            )
          }
        />
        <Announcer messages={messages} userId={userId} joined={joined} />
      </main>
      <About book={book} members={members} userId={userId} />
    </>
  );
}
