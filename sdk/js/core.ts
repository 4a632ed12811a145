import type { Appended, Members, Occupancy, User, UserMoved, UserTyping } from "./generated/protocol.js";
import type { ConnectionState, Message, MessageStatus } from "./types.js";

/** What the Rust core calls. None of these may throw: the core is in the middle of its work. */
export interface Host {
  /** Opens a socket, and hands what it hears to the core; where that throws, the client closes. */
  open(): WebSocket;
  /** Asks for a token, to be handed to `core.token` with the same number. */
  token(attempt: number): void;
  moved(status: ConnectionState["status"], attempt: number, retryInMs: number, reason: string): void;
  /** Who this is, by the token. */
  identified(user: User): void;
  /** The room is joined for the first time. */
  joined(bookId: number, members: Members): void;
  /** The room is joined again, nothing missed. */
  resumed(bookId: number, members: Members): void;
  /** The room is joined again, with another state. */
  reset(bookId: number, members: Members): void;
  /** The room refuses this client. */
  dropped(bookId: number, code: string, message: string, retryAfterMs: number): void;
  message(bookId: number, message: Message): void;
  edited(bookId: number, message: Message): void;
  deleted(bookId: number, messageId: string): void;
  /** An event without a position, as it came. */
  presence(bookId: number, ...event: Presence): void;
  page(bookId: number): void;
  pageFailed(bookId: number, code: string, message: string, retryAfterMs: number): void;
  /** An own post was seen in its room. */
  posted(key: string, message: Message): void;
  /** The server answered that a change is durable. */
  acked(key: string, answer: Appended): void;
  refused(key: string, code: string, message: string, retryAfterMs: number): void;
}

/** The name of an event without a position, and its data. */
export type Presence =
  | ["userJoined" | "userLeft", UserMoved]
  | ["occupancy", Occupancy]
  | ["typing", UserTyping];

/** A server's frame, as far as it is read before the core has it. */
export interface Frame {
  readonly event: string;
  readonly seq: number;
  readonly data: { readonly bookId: number; readonly seq: number; status?: MessageStatus };
}

/** The frame of that text; `undefined` where it is none. */
export function parse(text: string): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    return isObject(frame) && "data" in frame && isObject(frame.data) ? (frame as Frame) : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
