import { ChatClient } from "readrealm-chat";
import { talk } from "./talk.js";

talk(ChatClient);
