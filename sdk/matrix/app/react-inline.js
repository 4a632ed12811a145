// For bundlers that leave the .wasm behind: a client with its own, and nothing is loaded by the provider.
import { ChatClient } from "readrealm-chat/inline";
import { show, url, user } from "./react.js";

show({ client: await ChatClient.connect(url(), user) });
