import { local, stored } from "../storage";

/**
 * Whether the outbox has written down an entry with all these texts: then it outlives its client, and the next one sends
 * it. The package documents how the names of its entries begin.
 */
export function isWrittenDown(...texts: string[]): boolean {
  const parts = texts.map((text) => JSON.stringify(text));
  return stored(local, "readrealm-chat/outbox/").some((entry) => parts.every((part) => entry.includes(part)));
}
