const TONES = 8;

/** One of a few tones, the same for one reader everywhere and always. */
export function toneOf(userId: string): number {
  let hash = 2166136261;
  for (let i = 0; i < userId.length; i++) hash = Math.imul(hash ^ userId.charCodeAt(i), 16777619);
  return (hash >>> 0) % TONES;
}

export function Avatar({ userId, username }: { userId: string; username: string }) {
  const [initial = "?"] = username.trim();
  return (
    <span className={`avatar tone-${toneOf(userId)}`} aria-hidden="true">
      {initial.toUpperCase()}
    </span>
  );
}
