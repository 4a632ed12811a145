import { useId, type FormEvent, type KeyboardEvent, type ReactNode, type RefObject } from "react";

import { CONTENT_MAX, lengthOf, useGrowing } from "./content";
import { useDraft, writeDraft } from "./drafts";

const COUNT_FROM = 3600;

interface ComposerProps {
  bookId: number;
  box: RefObject<HTMLTextAreaElement | null>;
  canSend: boolean;
  onSend: (content: string) => void;
  /** Called at every key, with whether there are words. */
  onWriting: (writing: boolean) => void;
  /** The arrow up in an empty box: the last own message is edited. */
  onEditLast: () => void;
  /** What stands in the way, when something does. */
  trouble?: ReactNode;
}

export function Composer({ bookId, box, canSend, onSend, onWriting, onEditLast, trouble }: ComposerProps) {
  const id = useId();
  const draft = useDraft(bookId);

  const length = lengthOf(draft);
  const left = CONTENT_MAX - length;
  const ready = canSend && length > 0 && left >= 0;
  useGrowing(box, draft);

  function submit(event?: FormEvent) {
    event?.preventDefault();
    if (!ready) return;
    writeDraft(bookId, "");
    onWriting(false);
    onSend(draft.trim());
    box.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "ArrowUp" && draft === "") {
      event.preventDefault();
      onEditLast();
    }
    // Enter that ends an input method's composition chooses a word; it does not send.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  }

  return (
    <form className="composer" onSubmit={submit} aria-label="Write a message">
      <div className="composer-trouble" role="alert">
        {trouble}
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
            onWriting(event.target.value.trim() !== "");
          }}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="button primary" disabled={!ready}>
          Send
        </button>
      </div>
      <p className="composer-hint" id={`${id}-hint`}>
        <span className="composer-keys">Enter sends, Shift + Enter starts a new line, ↑ edits your last message</span>
        {length >= COUNT_FROM && (
          <span className={left < 0 ? "count over" : "count"}>
            {left < 0 ? `${-left} over the limit of ${CONTENT_MAX}` : `${left} left`}
          </span>
        )}
      </p>
    </form>
  );
}
