import { useEffect } from "react";

import type { Book } from "../books";
import { shelfHref } from "../route";
import { Cover } from "../shelf/cover";
import { MAIN_ID } from "../skip-link";
import { NameForm } from "./name-form";

/** Where a shared link leads a reader who has no name yet. */
export function Gate({ book, onName }: { book: Book; onName: (name: string) => void }) {
  useEffect(() => {
    document.title = `${book.title} · ReadRealm Chat`;
  }, [book.title]);

  return (
    <main className="gate" id={MAIN_ID} tabIndex={-1}>
      <Cover book={book} lettered />
      <div className="gate-text">
        <h1>{book.title}</h1>
        {book.author !== "" && <p className="gate-author">{book.author}</p>}
        <p>Readers are talking inside. What should they call you?</p>
        <NameForm initial="" action="Come in" onName={onName} />
        <a href={shelfHref}>All books</a>
      </div>
    </main>
  );
}
