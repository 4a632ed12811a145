import { useEffect, useRef, useState } from "react";
import { ChatProvider } from "readrealm-chat/react";

import { findBook } from "./books";
import { useReader } from "./reader";
import { Courier, useWaitingElsewhere } from "./room/courier";
import { Gate } from "./room/gate";
import { Room } from "./room/room";
import { useRoute, type Route } from "./route";
import { Rail, type RailProps } from "./shelf/rail";
import { Shelf } from "./shelf/shelf";
import { MAIN_ID, SkipLink } from "./skip-link";

/** The server that serves this page also speaks the protocol, so the page needs no configuration. */
function chatUrl(): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}/ws`;
}

export function App() {
  const route = useRoute();
  const { reader, rename } = useReader();
  const [connection, setConnection] = useState(0);
  useFocusOnTurn(route);

  if (route.page === "shelf") return <Shelf name={reader.name} onRename={rename} />;

  const book = findBook(route.bookId);
  return (
    <div className={`room-screen cloth cloth-${book.cloth}`}>
      <SkipLink>Skip to the conversation</SkipLink>
      {reader.name === "" ? (
        <>
          <Rail current={book.id} name="" onRename={rename} waiting={[]} />
          <Gate book={book} onName={rename} />
        </>
      ) : (
        // Another name is another connection, and so is another try.
        <ChatProvider
          key={`${reader.name}#${connection}`}
          url={chatUrl()}
          // What waits to be sent outlives a reload, and another name.
          options={{ userId: reader.userId, username: reader.name, outbox: "persist" }}
        >
          <Beside current={book.id} name={reader.name} onRename={rename} />
          <Room key={book.id} book={book} userId={reader.userId} onReconnect={() => setConnection((n) => n + 1)} />
        </ChatProvider>
      )}
    </div>
  );
}

/** The other books beside the open one, and what is still to be sent to their rooms. */
function Beside(props: Omit<RailProps, "waiting">) {
  const waiting = useWaitingElsewhere(props.current);
  return (
    <>
      <Rail {...props} waiting={waiting} />
      <Courier bookIds={waiting} />
    </>
  );
}

/** Following a link within the page replaces what had the focus; it must not be left on nothing. */
function useFocusOnTurn(route: Route): void {
  const place = route.page === "room" ? route.bookId : undefined;
  const shown = useRef(place);
  useEffect(() => {
    if (shown.current === place) return;
    shown.current = place;
    if (document.activeElement === document.body) document.getElementById(MAIN_ID)?.focus();
  }, [place]);
}
