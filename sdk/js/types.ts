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
 * machine's time. {@link messageKey} makes a list's key of it, which stays the same when the message becomes `sent`.
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
  /**
   * A post, an edit (with `messageId` and `content`) or a delete (with `messageId` alone) that an earlier page left in
   * the outbox was refused: of this page nobody awaits it. A refused post is in `room.messages`, too, as `failed`.
   */
  | {
      readonly type: "refused";
      readonly clientMessageId: string;
      readonly messageId: string | undefined;
      readonly content: string | undefined;
      readonly error: ChatError;
    }
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
  /** There is no `WebSocket` here: Node 20 needs one, as of the package `ws`. */
  | "no_websocket"
  /** The WebAssembly file could not be had, after some tries. */
  | "load_failed"
  /** A fault of this package. */
  | "internal";

/** Who connects to a server that asks for no token. */
export interface Claimed {
  /** Who this is: 1 to 128 characters. */
  readonly userId: string;
  /** The name shown: 1 to 64 characters; the user id where it is left out. */
  readonly username?: string | undefined;
  /** Not both: a token says who it is. */
  readonly getToken?: undefined;
}

/** Who connects to a server that asks for a token: the token says it. */
export interface Authenticated {
  /**
   * Asked for a signed JWT at every connection made, and again before that expires: at four fifths of its life, and five
   * seconds before its end at the latest. Where it fails it is asked again after a pause; where it rejects with a
   * {@link ChatError} `unauthorized` (the user has logged out) the client closes. All tokens must name one user.
   */
  readonly getToken: () => string | Promise<string>;
  /** The token's `sub`. */
  readonly userId?: undefined;
  /** The token's `name`. */
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

/** What `room.send` takes. */
export interface SendOptions extends Abortable {
  /**
   * Names this message: 1 to 64 characters of `A-Z a-z 0-9 _ -`, of which no two messages of the user in this room may be
   * the same. Sent again with the same words it is stored once, whatever became of the first try, on whichever page; with
   * other words it is refused as `idempotency_conflict`; so it is while something of that name is being sent to another
   * room. Where nothing is said a name is drawn.
   */
  readonly clientMessageId?: string | undefined;
}

/** Messages of a room from {@link fetchRoom}. */
export interface RoomPage {
  /** The book whose room this is. */
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

/**
 * The key of a message in a list: the same for an own message on its way and on record, and another for every message.
 * (`clientMessageId` alone is not: two users may draw, or choose, the same.)
 */
export function messageKey({ id, userId, clientMessageId }: Pick<Message, "id" | "userId" | "clientMessageId">): string {
  return clientMessageId === undefined ? id : `${userId}/${clientMessageId}`;
}

/** @internal */
export const NOBODY: Members = { count: 0, users: [] };
