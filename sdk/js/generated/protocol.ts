// Generated from the crate readrealm-protocol by sdk/tests/typescript.rs; not edited by hand.

/** The `code` of an answer that refuses. New ones may be added. */
export type ErrorCode =
  | "malformed_frame"
  | "unknown_event"
  | "invalid_data"
  | "not_joined"
  | "too_many_rooms"
  | "rate_limited"
  | "unavailable"
  | "idempotency_conflict"
  | "message_not_found"
  | "too_many_edits"
  | "forbidden"
  | "unauthorized"
  | "unsupported"
  | "internal";

/** A message as everybody sees it, its edits applied. */
export interface Message {
  /** `"<bookId>-<seq>"`. */
  readonly id: string;
  /** The place of the post in its room. It never moves. */
  readonly seq: number;
  /** The room. */
  readonly bookId: number;
  /** Its author. */
  readonly userId: string;
  /** The author's display name at the time of the post. */
  readonly username: string;
  /** The words, as last edited. */
  readonly content: string;
  /** When it was posted, by the server's clock; never going backwards within a room. */
  readonly createdAt: string;
  /** When it was last edited; that of the post until then. */
  readonly updatedAt: string;
  /** The key its author's client gave it, where it gave one. */
  readonly clientMessageId?: string;
}

/** One user of a room. */
export interface User {
  /** Who it is. */
  readonly userId: string;
  /** The name shown. */
  readonly username: string;
}

/** Who is in a room. */
export interface Members {
  /** All of its users. */
  readonly count: number;
  /** At most `MEMBERS_LISTED` of them. */
  readonly users: ReadonlyArray<User>;
}

/** Data of `userJoined` and `userLeft`. */
export interface UserMoved {
  /** The room. */
  readonly bookId: number;
  /** Who it is. */
  readonly userId: string;
  /** The name shown. */
  readonly username: string;
  /** When. */
  readonly timestamp: string;
}

/** Data of a server's `typing`. */
export interface UserTyping {
  /** The room. */
  readonly bookId: number;
  /** Who it is. */
  readonly userId: string;
  /** The name shown. */
  readonly username: string;
  /** Whether the user is writing. */
  readonly typing: boolean;
}

/** Data of `occupancy`. */
export interface Occupancy {
  /** The room. */
  readonly bookId: number;
  /** Its users. */
  readonly count: number;
}

/** Where a post, an edit or a delete stands in the log. */
export interface Appended {
  /** The message. */
  readonly messageId: string;
  /** The event's own position in its room. */
  readonly seq: number;
  /** The event's time. */
  readonly createdAt: string;
  /** Whether an earlier request with the same key had done it already. */
  readonly duplicate: boolean;
}
