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
  /** It was taken back before it was on record. */
  | "withdrawn"
  /** A loop over a room fell 10,000 messages behind. */
  | "overflow";

/** What a {@link ChatError} can hold beside its code and message. */
export interface ChatErrorOptions extends ErrorOptions {
  /** When the same request may succeed, in milliseconds from then. */
  readonly retryAfterMs?: number | undefined;
  /** The send, edit or delete that failed. */
  readonly clientMessageId?: string | undefined;
}

/** Why a request failed. Whatever may succeed by itself later is repeated and never ends here. */
export class ChatError extends Error {
  override readonly name = "ChatError";
  /** What a program acts on. */
  readonly code: ChatErrorCode;
  /** When the same request may succeed, in milliseconds from then, where the server said so. */
  readonly retryAfterMs: number | undefined;
  /** The send, edit or delete that failed: of a post, the `id` that its copy in `room.messages` has. */
  readonly clientMessageId: string | undefined;

  constructor(code: ChatErrorCode, message: string, options?: ChatErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
    this.clientMessageId = options?.clientMessageId;
  }
}

/** @internal The error that the core tells of; NaN is no time. */
export function errorOf(code: string, message: string, retryAfterMs: number, clientMessageId?: string): ChatError {
  return new ChatError(code as ChatErrorCode, message, {
    retryAfterMs: Number.isNaN(retryAfterMs) ? undefined : retryAfterMs,
    clientMessageId,
  });
}
