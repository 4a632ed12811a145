import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { RoomEvent } from "readrealm-chat";
import { useChatClient, useRoom } from "readrealm-chat/react";

import { returnToDraft } from "./drafts";
import { refusedChange } from "./use-changes";

/** The books, other than the open one, in whose rooms words wait to be sent: by a reader who went on, or before a reload. */
export function useWaitingElsewhere(current: number): readonly number[] {
  const client = useChatClient();
  const subscribe = useCallback((changed: () => void) => client?.onWaiting(changed) ?? (() => {}), [client]);
  // As text: the client makes a new list each time it is asked.
  const waiting = useSyncExternalStore(subscribe, () => client?.waiting.join() ?? "");
  return useMemo(
    () => (waiting === "" ? [] : waiting.split(",").map(Number).filter((bookId) => bookId !== current)),
    [current, waiting],
  );
}

/** Words go out once their room is joined: so it is, until they have. */
export function Courier({ bookIds }: { bookIds: readonly number[] }) {
  return bookIds.map((bookId) => <Errand key={bookId} bookId={bookId} />);
}

function Errand({ bookId }: { bookId: number }) {
  const onEvent = useCallback(
    (event: RoomEvent) => {
      if (event.type !== "refused") return;
      const { messageId, content, error } = event;
      if (messageId !== undefined) refusedChange(bookId, messageId, content, error);
      else if (content !== undefined) returnToDraft(bookId, content);
    },
    [bookId],
  );
  useRoom(bookId, { onEvent });
  return null;
}
