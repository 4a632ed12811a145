import { ChatError, type CloseReason } from "readrealm-chat";

/** Whether the client ended, and with it all that it was to send. */
export function isOver(error: unknown): boolean {
  return error instanceof ChatError && (error.code === "closed" || error.code === "revoked");
}

/** What went wrong, in words a reader can act on. What may succeed by itself later never comes here. */
export function explain(error: unknown): string {
  if (!(error instanceof ChatError)) return "Something went wrong: try again.";
  switch (error.code) {
    case "forbidden":
      return "You are not allowed in this room.";
    case "load_failed":
      return "A part of this page could not be loaded: try again.";
    case "closed":
      return "The connection was closed before this was sent.";
    default:
      return sentence(error.message);
  }
}

const reasons: Partial<Record<CloseReason, string>> = {
  unauthorized: "this server asks for a token",
  origin_refused: "this server takes no connections from this page",
  revoked: "your access was revoked",
  bad_protocol: "this page is too old for the server, reload it",
  internal: "this page had a fault",
};

export function explainClosed(reason: CloseReason): string {
  const why = reasons[reason];
  return why === undefined ? "You are disconnected." : `You are disconnected: ${why}.`;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
