import { useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import { CONTENT_MAX, lengthOf, useGrowing } from "./content";

interface EditFormProps {
  content: string;
  onSave: (content: string) => void;
  onEnd: () => void;
}

/** A message's words, to be changed in their place. Enter saves, Escape leaves them as they were. */
export function EditForm({ content, onSave, onEnd }: EditFormProps) {
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  const [words, setWords] = useState(content);
  const length = lengthOf(words);
  const ready = length > 0 && length <= CONTENT_MAX;
  useGrowing(box, words);

  useEffect(() => {
    const area = box.current;
    area?.focus();
    area?.setSelectionRange(area.value.length, area.value.length);
  }, []);

  function submit(event?: FormEvent) {
    event?.preventDefault();
    if (!ready) return;
    if (words.trim() === content) onEnd();
    else onSave(words.trim());
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") onEnd();
    else if (event.key === "Enter" && !event.shiftKey && event.target === box.current) submit(event);
  }

  return (
    <form className="edit" onSubmit={submit} onKeyDown={onKeyDown} aria-label="Edit the message">
      <label className="visually-hidden" htmlFor={id}>
        New words
      </label>
      <textarea
        ref={box}
        id={id}
        rows={1}
        dir="auto"
        value={words}
        aria-invalid={!ready}
        onChange={(event) => setWords(event.target.value)}
      />
      <div className="edit-foot">
        <span className={length > CONTENT_MAX ? "count over" : "edit-hint"}>
          {length > CONTENT_MAX ? `${length - CONTENT_MAX} over the limit of ${CONTENT_MAX}` : "Escape leaves it as it was"}
        </span>
        <button type="button" className="button small" onClick={onEnd}>
          Cancel
        </button>
        <button type="submit" className="button small primary" disabled={!ready}>
          Save
        </button>
      </div>
    </form>
  );
}
