import { ChatError, type ConnectionState } from "readrealm-chat";

/** What went wrong, in words a reader can act on. */
export function explain(error: unknown): string {
  if (!(error instanceof ChatError)) return "Something went wrong. Your text is kept: try again.";
  const seconds = Math.ceil((error.retryAfterMs ?? 1000) / 1000);
  switch (error.code) {
    case "rate_limited":
      return `That was fast. Try again in ${seconds} s.`;
    case "unavailable":
      return `The room cannot take messages just now. Try again in ${seconds} s.`;
    case "internal":
      return "The server had a fault. Your text is kept: try again.";
    case "forbidden":
      return "You are not allowed to do this in this room.";
    default:
      return sentence(error.message);
  }
}

export function explainClosed(state: ConnectionState & { status: "closed" }): string {
  return sentence(state.reason === "" ? "Disconnected" : `Disconnected: ${state.reason}`);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
