import { useSyncExternalStore } from "react";

import { clockTime, fullTime, timeAgo } from "../time";

const TICK_MS = 15_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

const tick = () => {
  for (const changed of listeners) changed();
};

/** One clock for all times of the page. A page that comes back into view is right at once. */
function subscribe(changed: () => void): () => void {
  if (listeners.size === 0) {
    timer = setInterval(tick, TICK_MS);
    document.addEventListener("visibilitychange", tick);
  }
  listeners.add(changed);
  return () => {
    listeners.delete(changed);
    if (listeners.size > 0) return;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
}

/** When something was written: "5 min ago", later the time of day. It renders again only when its words change. */
export function When({ at }: { at: string }) {
  const date = new Date(at);
  const words = useSyncExternalStore(subscribe, () => timeAgo(date, Date.now()));
  return (
    <time dateTime={at} title={fullTime(date)}>
      {words}
    </time>
  );
}

/** The time of day, where there is little room. */
export function Clock({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={fullTime(date)}>
      {clockTime(date)}
    </time>
  );
}
