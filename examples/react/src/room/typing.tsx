import type { User } from "readrealm-chat";

/** Who is writing. Its line is always there, so that nothing moves; it is not read out, which would be chatter. */
export function Typing({ typing, userId }: { typing: readonly User[]; userId: string }) {
  const words = writing(typing.filter((user) => user.userId !== userId).map(({ username }) => username));
  return (
    <p className="typing">
      {words !== "" && (
        <>
          <span className="typing-dots" aria-hidden="true">
            <span />
            <span />
            <span />
          </span>
          <span className="typing-names">{words}</span>
        </>
      )}
    </p>
  );
}

function writing(names: readonly string[]): string {
  const [first, second, third] = names;
  if (first === undefined) return "";
  if (second === undefined) return `${first} is writing…`;
  if (third === undefined) return `${first} and ${second} are writing…`;
  if (names.length === 3) return `${first}, ${second} and ${third} are writing…`;
  return `${first}, ${second} and ${names.length - 2} others are writing…`;
}
