import { useId, useLayoutEffect, useRef, useState, type FormEvent, type KeyboardEvent, type ReactNode } from "react";

import { returnToDraft, useDraft, writeDraft } from "./drafts";
import { explain } from "./errors";

/** The protocol's bound on `content`, in Unicode scalar values after trimming. */
const CONTENT_MAX = 4000;
const COUNT_FROM = 3600;

interface ComposerProps {
  bookId: number;
  canSend: boolean;
  /** Messages wait on this side until the connection is back. */
  waiting: boolean;
  send: (content: string) => Promise<unknown>;
  onSent: () => void;
  /** What stands in the way of the whole room, when something does. */
  trouble?: ReactNode;
}

export function Composer({ bookId, canSend, waiting, send, onSent, trouble }: ComposerProps) {
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  const draft = useDraft(bookId);
  const [failure, setFailure] = useState("");

  const length = [...draft.trim()].length;
  const left = CONTENT_MAX - length;
  const ready = canSend && length > 0 && left >= 0;

  useLayoutEffect(() => {
    const area = box.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
  }, [draft]);

  function submit(event?: FormEvent) {
    event?.preventDefault();
    if (!ready) return;
    const content = draft.trim();
    setFailure("");
    writeDraft(bookId, "");
    onSent();
    box.current?.focus();
    send(content).catch((error: unknown) => {
      setFailure(explain(error));
      returnToDraft(bookId, content);
    });
  }

  function onKeyDown(event: KeyboardEvent) {
    // Enter that ends an input method's composition chooses a word; it does not send.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  }

  return (
    <form className="composer" onSubmit={submit} aria-label="Write a message">
      <div className="composer-trouble" role="alert">
        {failure !== "" ? <p>{failure}</p> : trouble}
      </div>
      <div className="composer-box">
        <label className="visually-hidden" htmlFor={id}>
          Message
        </label>
        <textarea
          ref={box}
          id={id}
          rows={1}
          value={draft}
          dir="auto"
          placeholder="Share a thought"
          enterKeyHint="send"
          aria-describedby={`${id}-hint`}
          aria-invalid={left < 0}
          autoFocus={matchMedia("(hover: hover)").matches}
          onChange={(event) => {
            writeDraft(bookId, event.target.value);
            setFailure("");
          }}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="button primary" disabled={!ready}>
          Send
        </button>
      </div>
      <p className="composer-hint" id={`${id}-hint`}>
        {waiting ? (
          <span>Keep writing: it goes out when the connection is back</span>
        ) : (
          <span className="composer-keys">Enter sends, Shift + Enter starts a new line</span>
        )}
        {length >= COUNT_FROM && (
          <span className={left < 0 ? "count over" : "count"}>
            {left < 0 ? `${-left} over the limit of ${CONTENT_MAX}` : `${left} left`}
          </span>
        )}
      </p>
    </form>
  );
}
