import type { ConnectionState } from "readrealm-chat";

import { useOnline } from "../visible";

/** Says that the connection is away, and what waits for it. It lies over the log: nothing moves as it comes and goes. */
export function Banner({ state, waiting }: { state: ConnectionState; waiting: number }) {
  const online = useOnline();
  const away = state.status === "reconnecting";
  return (
    <div className="banner" role="status">
      {away && (
        <p>
          <strong>{online ? "The connection is lost." : "You are offline."}</strong> {promise(waiting)}
        </p>
      )}
    </div>
  );
}

function promise(waiting: number): string {
  if (waiting === 0) return "What you write now goes out when it is back.";
  return waiting === 1 ? "1 message waits to be sent." : `${waiting} messages wait to be sent.`;
}
