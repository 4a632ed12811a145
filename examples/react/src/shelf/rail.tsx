import { useId, useState } from "react";

import { books } from "../books";
import { roomHref, shelfHref } from "../route";
import { NameForm } from "../room/name-form";
import { ThemeToggle } from "../theme";
import { Wordmark } from "../wordmark";
import { Cover } from "./cover";

export interface RailProps {
  current: number;
  name: string;
  onRename: (name: string) => void;
  /** The books in whose rooms words wait to be sent. */
  waiting: readonly number[];
}

/** The shelf, narrowed to a column beside an open room. */
export function Rail({ current, name, onRename, waiting }: RailProps) {
  const headingId = useId();
  return (
    <nav className="rail" aria-labelledby={headingId}>
      <div className="rail-top">
        <Wordmark />
        <ThemeToggle />
      </div>
      <h2 className="rail-heading" id={headingId}>
        Books
      </h2>
      <ul className="rail-books">
        {books.map((book) => (
          <li key={book.id} className={book.id === current ? "rail-book current" : "rail-book"}>
            <Cover book={book} />
            <span className="rail-text">
              <a href={roomHref(book.id)} aria-current={book.id === current ? "page" : undefined}>
                {book.title}
              </a>
              {waiting.includes(book.id) ? (
                <span className="rail-author rail-waits">Words wait to be sent</span>
              ) : (
                <span className="rail-author">{book.author}</span>
              )}
            </span>
          </li>
        ))}
      </ul>
      <div className="rail-foot">
        <a href={shelfHref}>All books</a>
        {name !== "" && <ReadingAs name={name} onRename={onRename} />}
      </div>
    </nav>
  );
}

function ReadingAs({ name, onRename }: Pick<RailProps, "name" | "onRename">) {
  const [editing, setEditing] = useState(false);
  if (editing) {
    return (
      <NameForm
        initial={name}
        action="Save"
        onName={(next) => {
          setEditing(false);
          onRename(next);
        }}
        onCancel={() => setEditing(false)}
      />
    );
  }
  return (
    <p className="reading-as">
      <span>
        Reading as <strong>{name}</strong>
      </span>
      <button type="button" className="link-button" onClick={() => setEditing(true)}>
        Change name
      </button>
    </p>
  );
}
