export { ChatError, type ChatErrorCode } from "./error.js";
export { init, type WasmSource } from "./load.js";
export type { Room } from "./room.js";
export type {
  Authenticated,
  Claimed,
  CloseReason,
  ConnectionState,
  ConnectOptions,
  ErrorCode,
  Members,
  Message,
  MessageStatus,
  Page,
  RoomEvent,
  User,
} from "./types.js";
