import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

interface Older {
  sentinel: RefObject<HTMLDivElement | null>;
  phase: "idle" | "loading" | "failed";
  load: () => void;
}

/** Fetches the page before the oldest message shortly before the reader scrolls up to it. */
export function useOlder(
  log: RefObject<HTMLElement | null>,
  enabled: boolean,
  loadPrevious: () => Promise<unknown>,
): Older {
  const sentinel = useRef<HTMLDivElement>(null);
  const [phase, setPhase] = useState<Older["phase"]>("idle");
  const busy = useRef(false);

  const load = useCallback(() => {
    if (busy.current) return;
    busy.current = true;
    setPhase("loading");
    loadPrevious()
      .then(
        () => setPhase("idle"),
        () => setPhase("failed"),
      )
      .finally(() => {
        busy.current = false;
      });
  }, [loadPrevious]);

  useEffect(() => {
    const target = sentinel.current;
    // Watching starts afresh after each page: a page too short to push the mark out of sight brings the next one.
    if (!enabled || phase !== "idle" || target === null) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) load();
      },
      { root: log.current, rootMargin: "600px 0px 0px 0px" },
    );
    watcher.observe(target);
    return () => watcher.disconnect();
  }, [enabled, load, log, phase]);

  return { sentinel, phase, load };
}
