import type { ReactNode } from "react";

const link = /https?:\/\/[^\s<>"]+/g;
// A sentence may end right after an address, or stand in brackets around it.
const trailing = /[.,;:!?)\]}'’”]+$/;

/** Plain text, with web addresses made into links. */
export function Text({ children }: { children: string }) {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of children.matchAll(link)) {
    const href = match[0].replace(trailing, "");
    parts.push(children.slice(end, match.index));
    parts.push(
      <a key={match.index} href={href} target="_blank" rel="noopener noreferrer nofollow">
        {href}
      </a>,
    );
    end = match.index + href.length;
  }
  parts.push(children.slice(end));
  return <>{parts}</>;
}
