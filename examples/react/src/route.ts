import { useSyncExternalStore } from "react";

export type Route = { page: "shelf" } | { page: "room"; bookId: number };

const shelf: Route = { page: "shelf" };

/** `#/book/11` is the room of book 11; anything else is the shelf. */
export function parseRoute(hash: string): Route {
  const digits = /^#\/book\/(\d{1,16})$/.exec(hash)?.[1];
  const bookId = Number(digits);
  return digits !== undefined && Number.isSafeInteger(bookId) ? { page: "room", bookId } : shelf;
}

export function roomHref(bookId: number): string {
  return `#/book/${bookId}`;
}

export const shelfHref = "#/";

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return parseRoute(hash);
}
