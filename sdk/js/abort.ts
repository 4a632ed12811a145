/** What a call that can be given up takes. */
export interface Abortable {
  /** Gives it up: the promise rejects with the signal's reason, an `AbortError` where none was named. */
  readonly signal?: AbortSignal | undefined;
}

/** @internal `promise`, or a rejection with the signal's reason if that comes first: then `aborted` is called. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, aborted = () => {}): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      aborted();
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    // Before whoever waits for it hears: what they do then aborts nothing any more.
    const settled = () => signal.removeEventListener("abort", abort);
    promise.then(settled, settled);
    promise.then(resolve, reject);
  });
}
