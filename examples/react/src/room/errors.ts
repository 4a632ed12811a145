import { ChatError, type ConnectionState } from "readrealm-chat";

/** What went wrong, in words a reader can act on. */
export function explain(error: unknown): string {
  if (!(error instanceof ChatError)) return "Something went wrong. Your text is kept: try again.";
  switch (error.code) {
    case "rate_limited": {
      const seconds = Math.ceil((error.retryAfterMs ?? 1000) / 1000);
      return `That was fast. Try again in ${seconds} s.`;
    }
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
