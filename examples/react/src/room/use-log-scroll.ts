import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";

/** Near enough to the end to count as reading the newest. */
const END_SLACK_PX = 48;
/** Above what is shown from: enough to see that there is something before it. */
const HEADROOM_PX = 90;

export interface LogScroll {
  log: RefObject<HTMLDivElement | null>;
  list: RefObject<HTMLDivElement | null>;
  atNewest: boolean;
  /** The same, as of this moment and not of the last render. */
  isFollowing: () => boolean;
  /** Whether the reader has not been at the newest since `openAt`. */
  behind: boolean;
  jumpToNewest: () => void;
  /** Opens the log at this element, unless it is in view with the newest message. */
  openAt: (element: HTMLElement) => void;
}

/**
 * A log grows at both ends. At the newest end the view follows; anywhere else the message under the
 * reader's eyes stays where it is. Done by hand because browsers differ in scroll anchoring.
 */
export function useLogScroll(version: unknown): LogScroll {
  const log = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const measured = useRef({ view: 0, content: 0 });
  const anchor = useRef<{ element: HTMLElement; top: number }>(undefined);
  const [atNewest, setAtNewest] = useState(true);
  const [behind, setBehind] = useState(false);
  // Until the newest is in view.
  if (behind && atNewest) setBehind(false);

  const settle = useCallback(() => {
    const view = log.current;
    if (view === null) return;
    if (following.current) {
      view.scrollTop = view.scrollHeight;
    } else if (anchor.current?.element.isConnected === true) {
      view.scrollTop += anchor.current.element.offsetTop - anchor.current.top;
    }
    measured.current = { view: view.clientHeight, content: view.scrollHeight };
    anchor.current = firstVisible(view, list.current);
  }, []);

  useLayoutEffect(settle, [settle, version]);

  useEffect(() => {
    const view = log.current;
    const rows = list.current;
    if (view === null || rows === null) return;
    const onScroll = () => {
      const { view: height, content } = measured.current;
      if (following.current && (view.clientHeight !== height || view.scrollHeight !== content)) {
        // The layout moved, not the reader: a scroll that a resize caused must not end the following.
        settle();
        return;
      }
      following.current = view.scrollHeight - view.scrollTop - view.clientHeight < END_SLACK_PX;
      setAtNewest(following.current);
      anchor.current = firstVisible(view, rows);
    };
    view.addEventListener("scroll", onScroll, { passive: true });
    // The composer growing, a phone's keyboard opening, a window made narrower.
    const resized = new ResizeObserver(settle);
    resized.observe(view);
    resized.observe(rows);
    return () => {
      view.removeEventListener("scroll", onScroll);
      resized.disconnect();
    };
  }, [settle]);

  const jumpToNewest = useCallback(() => {
    following.current = true;
    setAtNewest(true);
    settle();
  }, [settle]);

  const openAt = useCallback(
    (element: HTMLElement) => {
      const view = log.current;
      const top = element.offsetTop - HEADROOM_PX;
      if (view === null || top >= view.scrollHeight - view.clientHeight) return;
      following.current = false;
      setAtNewest(false);
      setBehind(true);
      view.scrollTop = top;
      anchor.current = firstVisible(view, list.current);
    },
    [],
  );

  const isFollowing = useCallback(() => following.current, []);

  return useMemo(
    () => ({ log, list, atNewest, isFollowing, behind, jumpToNewest, openAt }),
    [atNewest, isFollowing, behind, jumpToNewest, openAt],
  );
}

function firstVisible(view: HTMLElement, rows: HTMLElement | null): { element: HTMLElement; top: number } | undefined {
  const elements = rows?.children;
  if (elements === undefined || elements.length === 0) return undefined;
  let low = 0;
  let high = elements.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const element = elements[middle] as HTMLElement;
    if (element.offsetTop + element.offsetHeight > view.scrollTop) high = middle;
    else low = middle + 1;
  }
  // A day's heading moves when older messages of the same day come in; a message does not.
  while (low + 1 < elements.length && elements[low]?.tagName !== "ARTICLE") low += 1;
  const element = elements[low] as HTMLElement | undefined;
  return element === undefined ? undefined : { element, top: element.offsetTop };
}
