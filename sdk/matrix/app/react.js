import { createElement, StrictMode, useEffect, version } from "react";
import { createRoot } from "react-dom/client";
import { ChatProvider, useRoom } from "readrealm-chat/react";

function Room() {
  const { status, messages, send } = useRoom(28520);
  useEffect(() => {
    if (status === "joined") send("The Cheshire Cat scene is my favourite!").catch(fail);
  }, [status, send]);
  useEffect(() => {
    if (messages[0]?.status === "sent") document.title = `React ${version}: sent: ${messages[0].content}`;
  }, [messages]);
  return createElement("p", null, `${status}: ${messages.length}`);
}

const fail = (error) => (document.title = `failed: ${error}`);

/** Says one thing, and in the title how that went, and by which React. `props` say how it connects. */
export function show(props) {
  const page = createElement(ChatProvider, props, createElement(Room));
  createRoot(document.body.appendChild(document.createElement("div"))).render(createElement(StrictMode, null, page));
}

export const url = () => new URLSearchParams(location.search).get("chat");
export const user = { userId: "u1", username: "alice" };
