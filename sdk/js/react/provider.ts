import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from "react";
import type { ChatClient, ConnectionState, ConnectOptions } from "readrealm-chat";
import { ChatStore, CONNECTING, givenClient, ownClient } from "./chat-store.js";

const ChatContext = createContext<ChatStore | undefined>(undefined);

/** Either a client that the page made and closes, or what one is to be made of. */
export type ChatProviderProps = { readonly children?: ReactNode } & (
  | { readonly client: ChatClient; readonly url?: undefined; readonly options?: undefined }
  | {
      /** Another address or another user is another connection; other changes of `options` count from the next one. */
      readonly url: string;
      readonly options: ConnectOptions & { readonly signal?: undefined };
      readonly client?: undefined;
    }
);

/**
 * Gives the components below it one chat. A connection of its own opens when it is mounted in a browser, never while
 * rendering on a server, and closes about a second after it is unmounted.
 */
export function ChatProvider({ client, url, options, children }: ChatProviderProps): ReactElement {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const { userId, username } = options ?? {};
  // Who connects, and to where, decides; `options` may be another object at every render.
  const store = useMemo(() => {
    if (client) return new ChatStore(givenClient(client));
    const current = () => latest.current ?? ({ userId, username } as ConnectOptions);
    return new ChatStore(ownClient(url ?? "", current));
  }, [client, url, userId, username]);
  useEffect(() => store.retain(), [store]);
  // `.Provider`: the context itself is a component in React 19 alone.
  return createElement(ChatContext.Provider, { value: store }, children);
}

/** @internal */
export function useStore(): ChatStore {
  const store = useContext(ChatContext);
  if (!store) throw new Error("readrealm-chat: there is no <ChatProvider> above this component");
  return store;
}

/** Where the connection stands. */
export function useChatState(): ConnectionState {
  const store = useStore();
  return useSyncExternalStore(
    store.subscribe,
    () => store.state,
    () => CONNECTING,
  );
}

/** The client itself; `undefined` until it has connected for the first time. */
export function useChatClient(): ChatClient | undefined {
  const store = useStore();
  return useSyncExternalStore(
    store.subscribe,
    () => store.client,
    () => undefined,
  );
}
