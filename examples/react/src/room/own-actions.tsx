import { useEffect, useRef, useState, type KeyboardEvent } from "react";

interface OwnActionsProps {
  /** Whether Tab stops here: it does at the newest own message, and arrows lead from there to the others. */
  reachable: boolean;
  onEdit: () => void;
  onDelete: () => void;
}

/** Edit and delete, out of sight until a message is pointed at or its buttons have the focus. */
export function OwnActions({ reachable, onEdit, onDelete }: OwnActionsProps) {
  const [asking, setAsking] = useState(false);
  const confirm = useRef<HTMLButtonElement>(null);
  const ask = useRef<HTMLButtonElement>(null);
  const stop = reachable ? 0 : -1;

  useEffect(() => {
    if (asking) confirm.current?.focus();
  }, [asking]);

  function keep() {
    setAsking(false);
    // The button comes back with the next frame.
    requestAnimationFrame(() => ask.current?.focus());
  }

  if (asking) {
    return (
      <div
        className="actions asking"
        role="group"
        aria-label="Delete this message?"
        onKeyDown={(event) => event.key === "Escape" && keep()}
        onBlur={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget)) setAsking(false);
        }}
      >
        <span aria-hidden="true">Delete it?</span>
        <button ref={confirm} type="button" className="button small danger" onClick={onDelete}>
          Delete
        </button>
        <button type="button" className="button small" onClick={keep}>
          Keep
        </button>
      </div>
    );
  }
  return (
    <div className="actions" onKeyDown={toNeighbour}>
      <button type="button" className="action" aria-label="Edit" tabIndex={stop} onClick={onEdit}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="m4.5 19.5 1-4.2L16 4.8a2 2 0 0 1 2.8 0l.4.4a2 2 0 0 1 0 2.8L8.7 18.5l-4.2 1ZM14 6.8 17.2 10" />
        </svg>
      </button>
      <button ref={ask} type="button" className="action" aria-label="Delete" tabIndex={stop} onClick={() => setAsking(true)}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5" />
        </svg>
      </button>
    </div>
  );
}

/** What waits for the connection comes back into the message box. */
export function TakeBack({ reachable, onTakeBack }: { reachable: boolean; onTakeBack: () => void }) {
  return (
    <div className="actions" onKeyDown={toNeighbour}>
      <button type="button" className="action" aria-label="Take back" tabIndex={reachable ? 0 : -1} onClick={onTakeBack}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M9 5 4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3" />
        </svg>
      </button>
    </div>
  );
}

/** Up and down: the same button of the own message before or after. */
function toNeighbour(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  const { target } = event;
  if (!(target instanceof HTMLElement)) return;
  const same = target
    .closest(".log-list")
    ?.querySelectorAll<HTMLElement>(`.actions > [aria-label="${target.getAttribute("aria-label")}"]`);
  const all = Array.from(same ?? []);
  event.preventDefault();
  all[all.indexOf(target) + (event.key === "ArrowUp" ? -1 : 1)]?.focus();
}
