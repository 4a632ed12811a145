import { useEffect, useId, useState, type FormEvent } from "react";

import { books } from "../books";
import { NAME_MAX } from "../reader";
import { parseRoute, roomHref } from "../route";
import { MAIN_ID, SkipLink } from "../skip-link";
import { ThemeToggle } from "../theme";
import { Wordmark } from "../wordmark";
import { Cover } from "./cover";

interface ShelfProps {
  name: string;
  onRename: (name: string) => void;
}

export function Shelf({ name, onRename }: ShelfProps) {
  useEffect(() => {
    document.title = "ReadRealm Chat";
  }, []);

  return (
    <div className="shelf-screen">
      <SkipLink>Skip to the shelf</SkipLink>
      <header className="shelf-bar">
        <Wordmark />
        <ThemeToggle />
      </header>
      <main id={MAIN_ID} tabIndex={-1}>
        <div className="shelf-hero">
          <div>
            <h1>Every book has a room.</h1>
            <p>Take one off the shelf and talk with whoever is reading it now.</p>
          </div>
          <NameField name={name} onRename={onRename} />
        </div>
        <ul className="shelf" aria-label="Books">
          {books.map((book) => (
            <li key={book.id} className="shelf-book">
              <Cover book={book} lettered />
              <a className="shelf-title" href={roomHref(book.id)}>
                {book.title}
              </a>
              <span className="shelf-author">{book.author}</span>
            </li>
          ))}
        </ul>
        <AnyBook />
      </main>
    </div>
  );
}

function NameField({ name, onRename }: ShelfProps) {
  const id = useId();
  // The stored name is trimmed; the field must not be, or no one could type a space.
  const [text, setText] = useState(name);
  return (
    <div className="field shelf-name">
      <label htmlFor={id}>Your name</label>
      <input
        id={id}
        value={text}
        maxLength={NAME_MAX}
        autoComplete="nickname"
        placeholder="What should readers call you?"
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value);
          onRename(event.target.value);
        }}
      />
    </div>
  );
}

function AnyBook() {
  const id = useId();
  const [number, setNumber] = useState("");
  const [refused, setRefused] = useState(false);

  function open(event: FormEvent) {
    event.preventDefault();
    const href = `#/book/${number.trim()}`;
    if (parseRoute(href).page === "room") location.hash = href;
    else setRefused(true);
  }

  return (
    <form className="any-book" onSubmit={open}>
      <p id={`${id}-hint`}>Reading something else? Its Project Gutenberg number opens its room too.</p>
      <div className="field any-book-row">
        <label className="visually-hidden" htmlFor={id}>
          Book number
        </label>
        <input
          id={id}
          value={number}
          inputMode="numeric"
          autoComplete="off"
          placeholder="e.g. 28520"
          aria-describedby={refused ? `${id}-hint ${id}-error` : `${id}-hint`}
          aria-invalid={refused}
          onChange={(event) => {
            setNumber(event.target.value);
            setRefused(false);
          }}
        />
        <button type="submit" className="button">
          Open
        </button>
      </div>
      {refused && (
        <p className="field-error" id={`${id}-error`} role="alert">
          A book number is digits only, such as 28520.
        </p>
      )}
    </form>
  );
}
