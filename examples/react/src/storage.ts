/** Storage can be refused (private windows, blocked cookies); the page then simply forgets between visits. */
export function recall(store: () => Storage, key: string): string | null {
  try {
    return store().getItem(key);
  } catch {
    return null;
  }
}

export function remember(store: () => Storage, key: string, value: string): void {
  try {
    if (value === "") store().removeItem(key);
    else store().setItem(key, value);
  } catch {
    // Nothing to do: see above.
  }
}

export const local = () => localStorage;
export const session = () => sessionStorage;

/** All that is stored under names that begin like this. */
export function stored(store: () => Storage, prefix: string): string[] {
  try {
    const all = store();
    const names = Array.from({ length: all.length }, (_, index) => all.key(index) ?? "");
    return names.filter((name) => name.startsWith(prefix)).map((name) => all.getItem(name) ?? "");
  } catch {
    return [];
  }
}
