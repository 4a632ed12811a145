export type { Abortable } from "./abort.js";
export type { Client } from "./client.js";
export { ChatError, type ChatErrorCode, type ChatErrorOptions } from "./error.js";
export { fetchRoom, type FetchRoomOptions } from "./fetch-room.js";
export type { OutboxStorage } from "./keep.js";
export { init, type WasmSource } from "./load.js";
export type { Room } from "./room.js";
export { messageKey } from "./types.js";
export type {
  Authenticated,
  Claimed,
  CloseReason,
  ConnectionState,
  ConnectOptions,
  ErrorCode,
  InitialRoom,
  JoinOptions,
  Members,
  Message,
  MessageStatus,
  Page,
  RoomEvent,
  RoomPage,
  SendOptions,
  User,
} from "./types.js";
