import { useCallback, useState } from "react";

import { local, recall, remember } from "./storage";

export interface Reader {
  userId: string;
  /** Empty until the reader has chosen one. */
  name: string;
}

/** The protocol's bound on `username`. */
export const NAME_MAX = 64;

// Not crypto.randomUUID: it is missing on plain http, where a page on a home network is served.
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function loadReader(): Reader {
  let userId = recall(local, "readrealm.userId");
  if (userId === null) {
    userId = randomId();
    remember(local, "readrealm.userId", userId);
  }
  return { userId, name: recall(local, "readrealm.name") ?? "" };
}

export function useReader(): { reader: Reader; rename: (name: string) => void } {
  const [reader, setReader] = useState(loadReader);
  const rename = useCallback((name: string) => {
    const trimmed = name.trim();
    remember(local, "readrealm.name", trimmed);
    setReader((old) => (old.name === trimmed ? old : { ...old, name: trimmed }));
  }, []);
  return { reader, rename };
}
