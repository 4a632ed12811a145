import { useCallback, useState } from "react";

import { recall, remember } from "../storage";

const session = () => sessionStorage;

/** What is being written in a room, kept while the reader looks into another one or reloads. */
export function useDraft(bookId: number): [string, (change: (old: string) => string) => void] {
  const key = `readrealm.draft.${bookId}`;
  const [draft, setDraft] = useState(() => recall(session, key) ?? "");
  const change = useCallback(
    (next: (old: string) => string) =>
      setDraft((old) => {
        const text = next(old);
        remember(session, key, text);
        return text;
      }),
    [key],
  );
  return [draft, change];
}
