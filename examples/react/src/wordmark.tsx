import { shelfHref } from "./route";

export function Wordmark() {
  return (
    <a className="wordmark" href={shelfHref}>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path d="M16 8.5C12.5 5.5 7.5 5 3 6.3v17.4c4.5-1.3 9.5-.8 13 2.3 3.5-3.1 8.5-3.6 13-2.3V6.3C24.5 5 19.5 5.5 16 8.5Z" />
        <path d="M16 8.5V26" />
      </svg>
      ReadRealm
    </a>
  );
}
