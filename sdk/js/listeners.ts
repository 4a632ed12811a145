/** Functions that hear the same values. One that throws is reported as uncaught, and the others still hear. */
export class Listeners<T> {
  #all: readonly { readonly hear: (value: T) => void }[] = [];

  get size(): number {
    return this.#all.length;
  }

  /** Returns what takes it out again. */
  add(hear: (value: T) => void): () => void {
    // An object of its own, so that a function added twice is heard twice and taken out once.
    const entry = { hear };
    this.#all = [...this.#all, entry];
    return () => {
      this.#all = this.#all.filter((other) => other !== entry);
    };
  }

  emit(value: T): void {
    for (const { hear } of this.#all) {
      try {
        hear(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
