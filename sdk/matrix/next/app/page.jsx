import { fetchRoom } from "readrealm-chat/server";
import { Chat } from "./chat.jsx";

export const dynamic = "force-dynamic";

export default async function Page() {
  const url = process.env.CHAT;
  return <Chat url={url} initial={await fetchRoom(url, 28520)} />;
}
