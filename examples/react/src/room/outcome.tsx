interface OutcomeProps {
  what: string;
  reason: string | undefined;
  onRetry?: (() => void) | undefined;
  onDiscard: () => void;
  discard: string;
}

/** What became of something that failed, and what can be done about it. */
export function Outcome({ what, reason, onRetry, onDiscard, discard }: OutcomeProps) {
  return (
    <div className="outcome">
      <span role="alert">
        <strong>{what}.</strong> {reason}
      </span>{" "}
      {onRetry !== undefined && (
        <button type="button" className="link-button" onClick={onRetry}>
          Try again
        </button>
      )}{" "}
      <button type="button" className="link-button" onClick={onDiscard}>
        {discard}
      </button>
    </div>
  );
}
