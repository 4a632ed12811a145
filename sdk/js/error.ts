import type { ErrorCode } from "./generated/protocol.js";
import type { CloseReason } from "./types.js";

/** What a program acts on: the server's codes, why a client closed, and those of this package's own. */
export type ChatErrorCode =
  | ErrorCode
  | CloseReason
  /** The room was left. */
  | "left"
  /** 1,000 sends wait already. */
  | "outbox_full"
  /** A loop over a room fell 10,000 messages behind. */
  | "overflow"
  /** The WebAssembly file could not be had. */
  | "load_failed";

/** Why a request failed. Whatever may succeed by itself later is repeated and never ends here. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  /** What a program acts on. */
  readonly code: ChatErrorCode;
  /** When the same request may succeed, in milliseconds from then, where the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ChatErrorCode, message: string, options?: ErrorOptions & { retryAfterMs?: number | undefined }) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
