import type { Abortable } from "./abort.js";
import { ChatError } from "./error.js";
import type { ErrorCode, InitialRoom, RoomPage } from "./types.js";

/** What {@link fetchRoom} takes. */
export interface FetchRoomOptions extends Abortable {
  /** The user's token, where the server asks for one. */
  readonly token?: string | undefined;
  /** How many messages, 1 to 100; 50 where nothing is said. */
  readonly limit?: number | undefined;
  /** A message's `seq`: those before it. The newest where it is left out. */
  readonly before?: number | undefined;
}

/**
 * Reads a room's newest messages over HTTP, without WebAssembly or a connection: in a server component, for
 * `useRoom(bookId, { initial })` or `joinRoom(bookId, { initial })` to go on from. Not retried.
 *
 * @param url - The address given to `connect`, as `ws:` or `http:`; on a server it must be a whole one.
 * @throws {@link ChatError} where the server refuses (its code; `rate_limited` with `retryAfterMs`), or cannot be reached
 * (`unavailable`).
 *
 * @example
 * ```tsx
 * export default async function Page() {
 *   const initial = await fetchRoom("wss://chat.example/ws", 28520);
 *   return <Room bookId={28520} initial={initial} />;
 * }
 * ```
 */
export async function fetchRoom(
  url: string,
  bookId: number,
  options?: FetchRoomOptions & { readonly before?: undefined },
): Promise<InitialRoom>;
/** Reads the messages before one of them. */
export async function fetchRoom(
  url: string,
  bookId: number,
  options: FetchRoomOptions & { readonly before: number },
): Promise<RoomPage>;
export async function fetchRoom(
  url: string,
  bookId: number,
  { signal, token, limit, before }: FetchRoomOptions = {},
): Promise<RoomPage> {
  const address = addressOf(url, bookId);
  if (limit !== undefined) address.searchParams.set("limit", String(limit));
  if (before !== undefined) address.searchParams.set("before", String(before));
  const init: RequestInit = { cache: "no-store" };
  if (signal) init.signal = signal;
  if (token !== undefined) init.headers = { authorization: `Bearer ${token}` };
  let response: Response;
  let body: Partial<RoomPage> & { code?: ErrorCode; message?: string; retryAfterMs?: number };
  try {
    response = await fetch(address, init);
    body = (await response.json()) ?? {};
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ChatError("unavailable", `room ${bookId} could not be read`, { cause });
  }
  if (!response.ok || !Array.isArray(body.messages)) {
    const { code = "unavailable", message = `room ${bookId} could not be read: ${response.status}`, retryAfterMs } = body;
    throw new ChatError(code, message, { retryAfterMs });
  }
  return { ...(body as RoomPage), messages: body.messages.map((message) => ({ ...message, status: "sent" })) };
}

function addressOf(url: string, bookId: number): URL {
  try {
    return new URL(`rooms/${bookId}/messages`, new URL(url.replace(/^ws/, "http"), globalThis.location?.href));
  } catch (cause) {
    throw new ChatError("invalid_url", `${url} is no address of a server`, { cause });
  }
}
