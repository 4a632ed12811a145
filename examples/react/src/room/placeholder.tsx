import type { Book } from "../books";

interface PlaceholderProps {
  book: Book;
  status: "joining" | "joined" | "failed";
}

/** What the log shows while it has no messages. */
export function Placeholder({ book, status }: PlaceholderProps) {
  if (status === "joining") {
    return (
      <div className="waiting" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
    );
  }
  if (status === "failed") {
    return (
      <div className="empty">
        <p className="empty-title">This room did not open</p>
      </div>
    );
  }
  return (
    <div className="empty">
      {book.opening !== "" && (
        <blockquote>
          <p>{book.opening}</p>
        </blockquote>
      )}
      <p className="empty-title">So it begins</p>
      <p>No one has spoken in this room yet. The first word is yours.</p>
    </div>
  );
}
