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

/** Whether what is stored will be there again. */
export function canRemember(store: () => Storage): boolean {
  try {
    const probe = "readrealm.probe";
    store().setItem(probe, "1");
    store().removeItem(probe);
    return true;
  } catch {
    return false;
  }
}
