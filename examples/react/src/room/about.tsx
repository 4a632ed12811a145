import { useId } from "react";
import type { Members } from "readrealm-chat";

import type { Book } from "../books";
import { Cover } from "../shelf/cover";
import { Avatar } from "./avatar";

export const ABOUT_ID = "about-room";

/** The book, and who is reading along: a column on a wide screen, a sheet on a narrow one. */
export function About({ book, members, userId }: { book: Book; members: Members; userId: string }) {
  const headingId = useId();
  const unlisted = members.count - members.users.length;
  return (
    <aside className="about" id={ABOUT_ID} popover="auto" aria-label="About this room">
      <div className="about-book">
        <Cover book={book} lettered />
        <div>
          <p className="about-title">{book.title}</p>
          {book.author !== "" && (
            <p className="about-author">
              {book.author}, {book.published}
            </p>
          )}
          <a href={`https://www.gutenberg.org/ebooks/${book.id}`} target="_blank" rel="noopener noreferrer">
            Read it at Project Gutenberg
          </a>
        </div>
      </div>
      {book.opening !== "" && <p className="about-opening">{book.opening}</p>}
      <h2 id={headingId}>
        Here now <span className="about-count">{members.count.toLocaleString("en")}</span>
      </h2>
      <ul className="people" aria-labelledby={headingId}>
        {members.users.map((user) => (
          <li key={user.userId}>
            <Avatar userId={user.userId} username={user.username} />
            <span className="person">{user.username}</span>
            {user.userId === userId && <span className="you">you</span>}
          </li>
        ))}
      </ul>
      {unlisted > 0 && <p className="about-more">and {unlisted.toLocaleString("en")} more</p>}
      <button type="button" className="button about-close" popoverTarget={ABOUT_ID} popoverTargetAction="hide">
        Close
      </button>
    </aside>
  );
}
