// What an app writes, for the compiler alone: every entry, what is meant to compile and what is not.

import { ChatClient, ChatError, fetchRoom, init, type ConnectOptions, type Message, type RoomEvent } from "readrealm-chat";
import { ChatClient as Inline } from "readrealm-chat/inline";
import { ChatProvider, useChatClient, useChatState, useRoom } from "readrealm-chat/react";
import { fetchRoom as fetchOnServer, type InitialRoom } from "readrealm-chat/server";

export async function talk(): Promise<Message> {
  await init("/chat.wasm");
  const chat = await ChatClient.connect("ws://localhost:3000/ws", { userId: "u1", username: "alice" });
  chat.onState((state) => state.status === "reconnecting" && console.log(state.attempt + state.retryInMs));
  const room = await chat.joinRoom(28520, { signal: AbortSignal.timeout(5_000) });
  const stop = room.subscribe((event) => console.log(told(event)));
  const sent = await room.send("hello");
  await room.edit(sent.id, "hello again");
  await room.delete(sent.id, {});
  const { hasMore } = await room.loadPrevious();
  room.setTyping(hasMore);
  for await (const message of room) if (message.content !== "") break;
  stop();
  // @ts-expect-error A list that nobody may change.
  room.messages.push(sent);
  // @ts-expect-error No book is named by a text.
  await chat.joinRoom("28520");
  room.leave();
  chat.close();
  return sent;
}

/** Every event, and the compiler knows which there are. */
function told(event: RoomEvent): string {
  switch (event.type) {
    case "message":
    case "edited":
      return `${event.message.username}: ${event.message.content} (${event.message.seq}, ${event.message.status})`;
    case "deleted":
      return event.messageId;
    case "closed":
      return event.error?.code ?? "left";
    case "occupancy":
      return String(event.count);
    case "typing":
      return `${event.user.username} ${event.typing}`;
    default:
      return event.type;
  }
}

export const options: ConnectOptions[] = [
  { userId: "u1" },
  { getToken: async () => "a.b.c", outbox: "persist" },
  { userId: "u1", outbox: sessionStorage, window: 100, resume: "all" },
  // @ts-expect-error Who it is stands in the token.
  { getToken: async () => "a.b.c", userId: "u1" },
];

export function code(error: unknown): string | undefined {
  return error instanceof ChatError ? error.code : undefined;
}

export const onServer = (): Promise<InitialRoom> => fetchOnServer("wss://chat.example/ws", 28520, { limit: 10 });
export const older = async () => (await fetchRoom("/ws", 28520, { before: 7 })).messages.length;

function Room({ initial }: { initial?: InitialRoom }) {
  const { messages, send, members, typing, state, status, error } = useRoom(28520, { initial });
  const client = useChatClient();
  const { status: connection } = useChatState();
  return (
    <ul title={`${state.status} ${connection} ${status} ${error?.code ?? ""} ${client?.user.userId ?? ""} ${members.count} ${typing.length}`}>
      {messages.map(({ id, content, status }) => (
        <li key={id} data-status={status} onClick={() => void send(content)}>
          {content}
        </li>
      ))}
    </ul>
  );
}

export const App = ({ initial }: { initial: InitialRoom }) => (
  <ChatProvider url="ws://localhost:3000/ws" options={{ userId: "u1", username: "alice" }}>
    <Room initial={initial} />
  </ChatProvider>
);

export async function inline() {
  const client = await Inline.connect("ws://localhost:3000/ws", { userId: "u1" });
  return (
    <ChatProvider client={client}>
      <Room />
    </ChatProvider>
  );
}

// @ts-expect-error Neither a client nor what one is made of.
export const nothing = <ChatProvider />;
