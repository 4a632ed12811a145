import start, { Core, onPanic } from "./pkg/readrealm_sdk.js";
import { ChatError } from "./error.js";

/** Where the WebAssembly is: an address, a response, its bytes, or compiled. */
export type WasmSource = string | URL | Request | Response | BufferSource | WebAssembly.Module;

/** Times a file is asked for that the network does not bring, or a server that cannot. */
const TRIES = 6;

/** Milliseconds that a try may take. */
const TRY_MS = 30_000;

/** Milliseconds of the longest pause after the first of them; each is of twice the last. */
const FIRST_PAUSE_MS = 500;

let loading: Promise<typeof Core> | undefined;
const clients = new Set<() => void>();

/** The core's class, loaded once for the page by whoever asks first. A failed load is tried again by the next. */
export function load(source: () => WasmSource | Promise<WasmSource>): Promise<typeof Core> {
  return (loading ??= instantiate(source));
}

async function instantiate(source: () => WasmSource | Promise<WasmSource>): Promise<typeof Core> {
  try {
    await start({ module_or_path: await fetched(await source()) });
  } catch (cause) {
    loading = undefined;
    throw new ChatError("load_failed", "the WebAssembly of readrealm-chat could not be loaded", { cause });
  }
  onPanic((message: string) => {
    console.error(`readrealm-chat: ${message}`);
    loading = Promise.reject(new ChatError("internal", message));
    loading.catch(() => {});
    for (const abandon of clients) abandon();
    clients.clear();
  });
  return Core;
}

/** What an address holds, tried for some seconds: a page is often loaded on a network that comes and goes. */
async function fetched(source: WasmSource): Promise<Exclude<WasmSource, string | URL>> {
  if (typeof source !== "string" && !(source instanceof URL)) return source;
  for (let tries = 1; ; tries += 1) {
    let status = 0;
    try {
      const answer = await fetch(source, { signal: AbortSignal.timeout(TRY_MS) });
      status = answer.status;
      if (!answer.ok) throw new Error(`${status} ${source}`);
      // To its end: it may break off in the middle.
      return await answer.arrayBuffer();
    } catch (error) {
      const passes = status < 400 || status === 429 || status >= 500;
      if (!passes || tries === TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * FIRST_PAUSE_MS * 2 ** (tries - 1)));
  }
}

/** Calls `abandon` where the core fails for good. Returns what takes it out again. */
export function guard(abandon: () => void): () => void {
  clients.add(abandon);
  return () => clients.delete(abandon);
}

/**
 * Loads the WebAssembly from elsewhere than beside this package. Called before the first `connect`; later it changes
 * nothing.
 */
export async function init(source: WasmSource): Promise<void> {
  await load(() => source);
}
