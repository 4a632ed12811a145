import { ChatClient } from "readrealm-chat/inline";
import { talk } from "./talk.js";

talk(ChatClient);
