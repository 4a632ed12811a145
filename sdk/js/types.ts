import type { Abortable } from "./abort.js";
import type { ChatError } from "./error.js";
import type { Members, Message as WireMessage, User } from "./generated/protocol.js";
import type { OutboxStorage } from "./keep.js";

export type { ErrorCode, Members, User } from "./generated/protocol.js";

/**
 * How far a message is: on its way (`sending`), on the server's record (`sent`), or refused for good (`failed`).
 * Only your own can be other than `sent`.
 */
export type MessageStatus = "sending" | "sent" | "failed";

/**
 * A message as everybody sees it, its edits applied.
 *
 * The copy of an own message that is not on record yet has its `clientMessageId` as `id`, 0 as `seq`, and this
 * machine's time. As a list key use `clientMessageId ?? id`: it stays the same when the message becomes `sent`.
 */
export interface Message extends WireMessage {
  /** How far the message is. */
  readonly status: MessageStatus;
}

/** Something that happened in a room. Messages and changes to them come once each, in the room's one order. */
export type RoomEvent =
  /** A message is on record, an own one included. `edited` carries the whole message with its new words. */
  | { readonly type: "message" | "edited"; readonly message: Message }
  /** A message was withdrawn. */
  | { readonly type: "deleted"; readonly messageId: string }
  /** A user came in, or left. */
  | { readonly type: "joined" | "left"; readonly user: User }
  /** A user is writing, or has stopped. */
  | { readonly type: "typing"; readonly user: User; readonly typing: boolean }
  /** How many are here, in a room too large to tell who comes and goes. */
  | { readonly type: "occupancy"; readonly count: number }
  /** The state was replaced, because too much was missed to replay it: read `room.messages`. */
  | { readonly type: "reset" }
  /** The last event: the room was left, the client closed, or (`error`) the server refused to let it in again. */
  | { readonly type: "closed"; readonly error: ChatError | undefined };

/** Where the connection stands. It comes back by itself from all but `closed`. */
export type ConnectionState =
  /** The first attempt. */
  | { readonly status: "connecting" }
  | { readonly status: "connected" }
  /** Lost, or not reached yet. `attempt` counts from 1; 0 as `retryInMs` says that it is being tried now. */
  | { readonly status: "reconnecting"; readonly attempt: number; readonly retryInMs: number }
  /** Over for good: connect anew. */
  | { readonly status: "closed"; readonly reason: CloseReason };

/** Why a client is closed. New ones may be added. */
export type CloseReason =
  /** By `close()`. */
  | "closed"
  /** The token was refused, and a fresh one as well; or one is needed. */
  | "unauthorized"
  /** A later token names another user than the first: connect anew for that one. */
  | "user_changed"
  /** A token was sent to a server that takes none. */
  | "unsupported"
  /** The server does not take connections from pages of this origin. */
  | "origin_refused"
  /** The user or the token was revoked. */
  | "revoked"
  /** The server does not understand this client. */
  | "bad_protocol"
  /** A frame was larger than the server takes. */
  | "too_large"
  /** The server said not to come back, for a reason this version does not know. */
  | "refused"
  /** The address is none that a WebSocket can be opened to. */
  | "invalid_url"
  /** A fault of this package. */
  | "internal";

/** Who connects to a server that asks for no token. */
export interface Claimed {
  /** Who this is: 1 to 128 characters. */
  readonly userId: string;
  /** The name shown: 1 to 64 characters; the user id where it is left out. */
  readonly username?: string | undefined;
  readonly getToken?: undefined;
}

/** Who connects to a server that asks for a token: the token says it. */
export interface Authenticated {
  /**
   * Asked for a signed JWT at every connection made, and again before that expires: at four fifths of its life, and five
   * seconds before its end at the latest. Where it fails it is asked again after a pause. All tokens must name one user.
   */
  readonly getToken: () => string | Promise<string>;
  readonly userId?: undefined;
  readonly username?: undefined;
}

/** What {@link ChatClient.connect} takes. */
export type ConnectOptions = (Claimed | Authenticated) & {
  /** Messages that `room.messages` holds before older ones leave it. 500 where nothing is said. */
  readonly window?: number | undefined;
  /**
   * What happens after a gap of more than 1,000 events: `"window"` (the default) takes the newest messages and says
   * `reset`; `"all"` replays every event, for bots.
   */
  readonly resume?: "window" | "all" | undefined;
  /**
   * Has the outbox outlive the page: what was sent and not answered is sent once the user's next page has joined its
   * room, and shown there until then. `"persist"` keeps it in `localStorage`; another storage can be given. Where
   * nothing is said it is lost with the page.
   */
  readonly outbox?: "persist" | OutboxStorage | undefined;
  /** Gives up the first connection: `connect` rejects, and nothing goes on. Connected is connected: `close()` ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Hears every state from the first on, those before `connect` has resolved included. */
  readonly onState?: ((state: ConnectionState) => void) | undefined;
};

/** What `chat.joinRoom` takes. */
export interface JoinOptions extends Abortable {
  /** A state of the room from {@link fetchRoom}: the room goes on from it, and it is not fetched again. */
  readonly initial?: InitialRoom | undefined;
}

/** Messages of a room from {@link fetchRoom}. */
export interface RoomPage {
  readonly bookId: number;
  /** The position in the room's events that this is exact at. */
  readonly seq: number;
  /** Newest first. */
  readonly messages: readonly Message[];
  /** Whether there are older ones. */
  readonly hasMore: boolean;
}

/** A room's state from {@link fetchRoom}, for `joinRoom` and `useRoom` to go on from. Plain JSON. */
export interface InitialRoom extends RoomPage {
  /** The log that `seq` is a position of. */
  readonly epoch: string;
  /** Who was there. */
  readonly members: Members;
}

/** What `room.loadPrevious()` brought. */
export interface Page {
  /** Whether there are older messages still. */
  readonly hasMore: boolean;
}

/** @internal */
export const NOBODY: Members = { count: 0, users: [] };
