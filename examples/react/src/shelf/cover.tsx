import type { Book } from "../books";
import { frames } from "./frames";
import { motifs } from "./motifs";

/** A cloth binding with foil stamping, drawn; decoration beside a title that is always there as text. */
export function Cover({ book, lettered = false }: { book: Book; lettered?: boolean }) {
  return (
    <span className={`cover cloth cloth-${book.cloth}`} aria-hidden="true">
      <svg className="cover-stamp" viewBox="0 0 120 180">
        <rect className="cover-hinge" x="0" y="0" width="9" height="180" />
        {frames[book.frame]}
        <g transform={lettered ? "translate(29.6 73) scale(0.86)" : "translate(18 42) scale(1.15)"}>
          {motifs[book.motif]}
        </g>
      </svg>
      {lettered && (
        <span className="cover-lettering">
          <span className={isLong(book.title) ? "cover-title long" : "cover-title"}>{book.title}</span>
          <span className="cover-author">{book.author}</span>
        </span>
      )}
    </span>
  );
}

/** A title of many letters, or with a word that would not fit its line. */
function isLong(title: string): boolean {
  return title.length > 24 || title.split(" ").some((word) => word.length > 11);
}
