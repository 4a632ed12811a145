import type { ConnectionState, Members } from "readrealm-chat";

import type { Book } from "../books";
import { shelfHref } from "../route";
import { Cover } from "../shelf/cover";
import { ABOUT_ID } from "./about";
import { Connection } from "./connection";

interface RoomHeaderProps {
  book: Book;
  members: Members;
  state: ConnectionState;
}

export function RoomHeader({ book, members, state }: RoomHeaderProps) {
  const count = members.count.toLocaleString("en");
  return (
    <header className="room-header">
      <a className="icon-button room-back" href={shelfHref} aria-label="All books">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M14.5 5.5 8 12l6.5 6.5" />
        </svg>
      </a>
      <Cover book={book} />
      <div className="room-name">
        <h1>{book.title}</h1>
        <div className="room-facts">
          {book.author !== "" && <span className="room-author">{book.author}</span>}
          <Connection state={state} />
        </div>
      </div>
      <button
        type="button"
        className="button room-people"
        popoverTarget={ABOUT_ID}
        aria-label={`${count} here: who, and about the book`}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <circle cx="9" cy="8.5" r="3.5" />
          <path d="M2.5 19.5c.6-4 3-6 6.5-6s5.9 2 6.5 6M15.5 5.3a3.5 3.5 0 0 1 0 6.4M17.5 13.8c2.3.7 3.6 2.6 4 5.7" />
        </svg>
        {count}
      </button>
    </header>
  );
}
