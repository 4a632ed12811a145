"use client";

export { ChatProvider, type ChatProviderProps, useChatClient, useChatState } from "./react/provider.js";
export { type RoomView, type UseRoomOptions, useRoom } from "./react/use-room.js";
