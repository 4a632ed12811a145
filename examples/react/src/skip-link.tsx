import type { ReactNode } from "react";

export const MAIN_ID = "main";

export function SkipLink({ children }: { children: ReactNode }) {
  return (
    <a
      className="skip-link"
      href={`#${MAIN_ID}`}
      onClick={(event) => {
        // The hash is the page's address, so the browser's own jump would leave the room.
        event.preventDefault();
        document.getElementById(MAIN_ID)?.focus();
      }}
    >
      {children}
    </a>
  );
}
