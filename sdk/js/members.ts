import type { Members, User } from "./generated/protocol.js";

/** `members` with one user more. Who is listed already came in on another connection, and counts once. */
export function withUser(members: Members, user: User): Members {
  if (members.users.some(({ userId }) => userId === user.userId)) return members;
  return { count: members.count + 1, users: [...members.users, user] };
}

/** `members` with one user less. */
export function withoutUser(members: Members, user: User): Members {
  const users = members.users.filter(({ userId }) => userId !== user.userId);
  return { count: Math.max(members.count - 1, users.length), users };
}
