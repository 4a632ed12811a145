interface OutcomeProps {
  what: string;
  reason: string | undefined;
  onRetry: () => void;
  retry?: string;
  onDiscard: () => void;
  discard: string;
}

/** What became of something that failed, and what can be done about it. */
export function Outcome({ what, reason, onRetry, retry = "Try again", onDiscard, discard }: OutcomeProps) {
  return (
    <div className="outcome">
      <span role="alert">
        <strong>{what}.</strong> {reason}
      </span>{" "}
      <button type="button" className="link-button" onClick={onRetry}>
        {retry}
      </button>{" "}
      <button type="button" className="link-button" onClick={onDiscard}>
        {discard}
      </button>
    </div>
  );
}
