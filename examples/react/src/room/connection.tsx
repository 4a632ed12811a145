import { useEffect, useState } from "react";
import type { ConnectionState } from "readrealm-chat";

export function Connection({ state }: { state: ConnectionState }) {
  return (
    <p className="connection" role="status" data-state={state.status}>
      <span className="connection-dot" aria-hidden="true" />
      {state.status === "reconnecting" ? <Reconnecting state={state} /> : words[state.status]}
    </p>
  );
}

const words = { connecting: "Connecting…", connected: "Connected", closed: "Disconnected" };

function Reconnecting({ state }: { state: ConnectionState & { status: "reconnecting" } }) {
  const [seconds, setSeconds] = useState(Math.ceil(state.retryInMs / 1000));

  useEffect(() => {
    const deadline = performance.now() + state.retryInMs;
    const tick = () => setSeconds(Math.max(0, Math.ceil((deadline - performance.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [state]);

  // The countdown is for the eye: read aloud, it would talk over the conversation every second.
  return (
    <span>
      Reconnecting<span aria-hidden="true">{seconds > 0 ? ` in ${seconds} s` : "…"}</span>
    </span>
  );
}
