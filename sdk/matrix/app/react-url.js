import { show, url, user } from "./react.js";

show({ url: url(), options: user });
