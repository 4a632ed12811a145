import { useRoom } from "readrealm-chat/react";

import type { Book } from "../books";
import { MAIN_ID } from "../skip-link";
import { About } from "./about";
import { Composer } from "./composer";
import { explain, explainClosed } from "./errors";
import { Messages } from "./messages";
import { Placeholder } from "./placeholder";
import { RoomHeader } from "./room-header";
import { useLogScroll } from "./use-log-scroll";
import { useNews, useRoomTitle } from "./use-news";

interface RoomProps {
  book: Book;
  userId: string;
  onReconnect: () => void;
}

export function Room({ book, userId, onReconnect }: RoomProps) {
  const { messages, send, loadPrevious, hasMore, members, state, status, error } = useRoom(book.id);
  const joined = status === "joined";
  const scroll = useLogScroll(messages);
  const news = useNews(messages, userId, joined, scroll.atNewest);
  useRoomTitle(book.title, messages, userId, joined);

  const trouble =
    state.status === "closed" ? explainClosed(state.reason) : status === "failed" ? explain(error) : undefined;
  return (
    <>
      <main className="room" id={MAIN_ID} tabIndex={-1}>
        <RoomHeader book={book} members={members} state={state} />
        <div className="log-frame">
          <Messages
            messages={messages}
            userId={userId}
            joined={joined}
            hasMore={hasMore}
            loadPrevious={loadPrevious}
            scroll={scroll}
            placeholder={<Placeholder book={book} status={status} />}
          />
          {!scroll.atNewest && (
            <button type="button" className={news > 0 ? "pill news" : "pill"} onClick={scroll.jumpToNewest}>
              {news > 0 ? `${news} new: jump to newest` : "Jump to newest"}
            </button>
          )}
        </div>
        <Composer
          bookId={book.id}
          canSend={trouble === undefined}
          waiting={state.status === "reconnecting"}
          send={send}
          onSent={scroll.jumpToNewest}
          trouble={
            trouble !== undefined && (
              <p>
                {trouble}{" "}
                <button type="button" className="link-button" onClick={onReconnect}>
                  Connect again
                </button>
              </p>
            )
          }
        />
      </main>
      <About book={book} members={members} userId={userId} />
    </>
  );
}
