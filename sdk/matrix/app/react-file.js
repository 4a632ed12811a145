// For bundlers that are told to treat the .wasm as a file: its address is handed in before the first connection.
import { init } from "readrealm-chat";
import wasm from "readrealm-chat/wasm";
import { show, url, user } from "./react.js";

await init(wasm);
show({ url: url(), options: user });
