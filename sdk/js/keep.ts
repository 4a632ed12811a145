import { type Change, drawKey } from "./outbox.js";

/** Where an outbox may outlive its page: `localStorage`, `sessionStorage`, or an object of your own with their methods. */
export type OutboxStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

type Named = Pick<Change, "bookId" | "key">;

/** Names are drawn, or the page's own: of each room for itself. */
const nameOf = ({ bookId, key }: Named) => `${bookId}/${key}`;

/** Characters that one page keeps at most: a storage has 5 MB or so for everything of its site. */
const MOST_CHARACTERS = 1_000_000;

/**
 * One user's changes on one server, written down one by one. Each page writes under a name of its own and holds a lock
 * of that name while it lives. Another page gets the lock when that one is gone, and what it left behind with it. Where
 * there are no Web Locks every page takes all it finds: the changes' keys keep them from being stored twice.
 */
export class Keep {
  readonly #storage: OutboxStorage;
  readonly #prefix: string;
  readonly #own: string;
  /** Where each change stands, by its room and its name, and its length. */
  readonly #places = new Map<string, { name: string; size: number }>();
  readonly #stop = new AbortController();
  #size = 0;
  #last = 0;
  #warned = false;

  constructor(storage: OutboxStorage, url: string, userId: string) {
    this.#storage = storage;
    this.#prefix = `readrealm-chat/outbox/${encodeURIComponent(JSON.stringify([url, userId]))}/`;
    this.#own = `${this.#prefix}${drawKey()}/`;
  }

  /** Hands over what pages before this one have left, oldest first, now and as soon as their locks are free. */
  open(adopt: (changes: Change[]) => void): void {
    const left = new Set(this.#names(this.#prefix).map((name) => name.slice(0, name.lastIndexOf("/") + 1)));
    this.#lock(this.#own, () => {});
    for (const page of left) this.#lock(page, () => adopt(this.#read(page)));
  }

  save(change: Change): void {
    const text = JSON.stringify(change);
    // Counted on from what it was, so that the names of a page stand in the order of its changes.
    const name = this.#own + String((this.#last += 1)).padStart(12, "0");
    if (this.#size + text.length > MOST_CHARACTERS) {
      this.#warn("is full: what is sent now is lost with the page");
      return;
    }
    try {
      this.#storage.setItem(name, text);
      this.#place(change, name, text.length);
    } catch (error) {
      this.#warn("could not be written", error);
    }
  }

  forget(change: Named): void {
    const place = this.#places.get(nameOf(change));
    if (!place) return;
    this.#places.delete(nameOf(change));
    this.#size -= place.size;
    this.#remove(place.name);
  }

  /** Whether the change stands written down: another page of the user may have taken it back. */
  holds(change: Named): boolean {
    const place = this.#places.get(nameOf(change));
    return place !== undefined && this.#get(place.name) !== undefined;
  }

  close(): void {
    this.#stop.abort();
  }

  #place(change: Named, name: string, size: number): void {
    this.#places.set(nameOf(change), { name, size });
    this.#size += size;
  }

  #names(prefix: string): string[] {
    try {
      const all = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index) ?? "");
      return all.filter((name) => name.startsWith(prefix)).sort();
    } catch (error) {
      this.#warn("could not be read", error);
      return [];
    }
  }

  #read(page: string): Change[] {
    const changes: Change[] = [];
    for (const name of this.#names(page)) {
      const text = this.#get(name);
      if (text === undefined) continue;
      const change = parse(text);
      if (!change) {
        this.#remove(name);
        this.#warn("held something that is no message", text);
      } else if (this.#places.has(nameOf(change))) {
        // Taken over by two pages before: one place is enough.
        if (this.#places.get(nameOf(change))?.name !== name) this.#remove(name);
      } else {
        this.#place(change, name, text.length);
        changes.push(change);
      }
    }
    return changes;
  }

  #get(name: string): string | undefined {
    try {
      return this.#storage.getItem(name) ?? undefined;
    } catch (error) {
      return this.#warn("could not be read", error);
    }
  }

  #remove(name: string): void {
    try {
      this.#storage.removeItem(name);
    } catch (error) {
      this.#warn("could not be written", error);
    }
  }

  /** Calls `held` once the lock is held, which it is until `close`. */
  #lock(name: string, held: () => void): void {
    const { signal } = this.#stop;
    const locks = globalThis.navigator?.locks;
    if (!locks) return held();
    const released = new Promise<void>((release) => signal.addEventListener("abort", () => release()));
    const hold = () => {
      held();
      return released;
    };
    locks.request(name, { signal }, hold).catch((error: unknown) => {
      // Closed while it waited; or a place without a right to locks, such as a sandboxed frame.
      if (signal.aborted) return;
      this.#warn("is used without locks", error);
      held();
    });
  }

  #warn(what: string, ...details: unknown[]): undefined {
    if (!this.#warned) console.warn(`readrealm-chat: the outbox ${what}`, ...details);
    this.#warned = true;
  }
}

/** `localStorage`; `undefined` where there is none, or the page may not use it. */
export function localStorageOf(): OutboxStorage | undefined {
  try {
    if (globalThis.localStorage) return globalThis.localStorage;
  } catch {}
  console.warn("readrealm-chat: there is no localStorage for the outbox");
  return undefined;
}

function parse(text: string): Change | undefined {
  try {
    const { bookId, key, messageId, content, at } = JSON.parse(text) as Record<keyof Change, unknown>;
    const isText = (value: unknown) => typeof value === "string";
    const isTextOrNone = (value: unknown) => value === undefined || isText(value);
    const whole = Number.isSafeInteger(bookId) && isText(key) && isText(at) && isTextOrNone(messageId);
    return whole && isTextOrNone(content) ? ({ bookId, key, messageId, content, at } as Change) : undefined;
  } catch {
    return undefined;
  }
}
