export { ChatError, type ChatErrorCode, type ChatErrorOptions } from "./error.js";
export { fetchRoom, type FetchRoomOptions } from "./fetch-room.js";
export type { ErrorCode, InitialRoom, Members, Message, MessageStatus, RoomPage, User } from "./types.js";
