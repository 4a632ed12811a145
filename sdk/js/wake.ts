/** Milliseconds between two looks at the clock, while the page is in view. */
const LOOK_MS = 2_000;

/** Milliseconds that may be missing before the page must have slept. */
const LATE_MS = 2_000;

/** The page is in view again: it may have slept. */
const AWAKE = 0;

/** The page slept, or is on another network. */
const SLEPT = 1;

/** The network is gone. */
const OFFLINE = 2;

/** What the page notices, as the core counts it. */
export type Sign = typeof AWAKE | typeof SLEPT | typeof OFFLINE;

/**
 * Calls `wake` when the page comes back into view, out of the history, out of a frozen tab or a machine's sleep, goes
 * online or offline. While the page is hidden nothing runs.
 */
export function onWake(wake: (sign: Sign) => void): () => void {
  // Node and workers have no page.
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const stop = new AbortController();
  const { signal } = stop;
  let wall = Date.now();
  let own = performance.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  /** Whether more time went by than was expected since the last look, or else than the page lived through. */
  const slept = (expected?: number): boolean => {
    const passed = -wall + (wall = Date.now());
    const lived = -own + (own = performance.now());
    return passed > (expected ?? lived) + LATE_MS;
  };
  // A machine that sleeps tells nobody, and the page's own clock may stand still meanwhile: the one on the wall jumps.
  const look = () => slept(LOOK_MS) && wake(SLEPT);
  const watch = () => {
    clearInterval(timer);
    timer = document.visibilityState === "visible" ? setInterval(look, LOOK_MS) : undefined;
  };
  const sure = () => wake(SLEPT);
  window.addEventListener("online", sure, { signal });
  window.addEventListener("offline", () => wake(OFFLINE), { signal });
  window.addEventListener("pageshow", (event) => event.persisted && sure(), { signal });
  document.addEventListener("resume", sure, { signal });
  document.addEventListener(
    "visibilitychange",
    () => {
      watch();
      if (timer !== undefined) wake(slept() ? SLEPT : AWAKE);
    },
    { signal },
  );
  watch();
  return () => {
    clearInterval(timer);
    stop.abort();
  };
}
