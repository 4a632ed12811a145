import type { Message } from "readrealm-chat";

import type { Changes } from "./changes";
import { returnToDraft } from "./drafts";
import { Outcome } from "./outcome";

interface UnplacedProps {
  bookId: number;
  changes: Changes;
  messages: readonly Message[];
  onForget: (messageId: string) => void;
}

/** New words that were refused, of messages that are not in the log: they have no place there to be told at. */
export function Unplaced({ bookId, changes, messages, onForget }: UnplacedProps) {
  const lost = [...changes].filter(([id, { status }]) => status === "failed" && !messages.some((m) => m.id === id));
  return lost.map(([id, { content, reason }]) =>
    content === undefined ? null : (
      <Outcome
        key={id}
        what="Not changed"
        reason={`${reason} You had written: “${content}”`}
        retry="Put it into the box"
        onRetry={() => {
          returnToDraft(bookId, content);
          onForget(id);
        }}
        onDiscard={() => onForget(id)}
        discard="Leave it"
      />
    ),
  );
}
