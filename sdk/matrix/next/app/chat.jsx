"use client";

import { ChatProvider, useRoom } from "readrealm-chat/react";

export function Chat({ url, initial }) {
  return (
    <ChatProvider url={url} options={{ userId: "u1", username: "alice" }}>
      <Room initial={initial} />
    </ChatProvider>
  );
}

function Room({ initial }) {
  const { messages, status, send } = useRoom(28520, { initial });
  return (
    <main data-status={status}>
      <button onClick={() => send("from the page")}>Send</button>
      <ul>
        {messages.map(({ id, clientMessageId, content, status }) => (
          <li key={clientMessageId ?? id} data-status={status}>
            {content}
          </li>
        ))}
      </ul>
    </main>
  );
}
