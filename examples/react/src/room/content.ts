import { useLayoutEffect, type RefObject } from "react";

/** The protocol's bound on `content`, in Unicode scalar values after trimming. */
export const CONTENT_MAX = 4000;

/** How long a text counts. */
export function lengthOf(text: string): number {
  return [...text.trim()].length;
}

/** Has a text box be as tall as its words. */
export function useGrowing(box: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const area = box.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
  }, [box, text]);
}
