import type { ChatError } from "readrealm-chat";

import type { Book } from "../books";
import { explain } from "./errors";

interface PlaceholderProps {
  book: Book;
  status: "joining" | "joined" | "failed";
  error: ChatError | undefined;
  onRetry: () => void;
}

/** What the log shows while it has no messages. */
export function Placeholder({ book, status, error, onRetry }: PlaceholderProps) {
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
        <p>{explain(error)}</p>
        <button type="button" className="button primary" onClick={onRetry}>
          Try again
        </button>
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
