// An app of today: the official client, and what it has heard, in order.

import { io } from "socket.io-client";
import io2 from "socket.io-client-2";
import { io as io3 } from "socket.io-client-3";
import { until } from "../../browser/harness/until.mjs";

/** The ways a client may come. */
export const ways = { websocket: ["websocket"], upgrade: ["polling", "websocket"], polling: ["polling"] };

/** The events of version 2, which has no `onAny`. */
const EVENTS = [
  "previousMessages",
  "newMessage",
  "messageEdited",
  "messageDeleted",
  "userJoined",
  "userLeft",
  "typing",
  "occupancy",
  "messagesPage",
  "authenticated",
  "exception",
];

export class Phone {
  /** `[event, data]`, as they came. */
  heard = [];
  /** Reasons of `disconnect`. */
  ends = [];
  /** Errors of `connect_error`. */
  refusals = [];
  connects = 0;

  constructor(origin, options = {}) {
    const { version = 4, transports = ways.websocket, ...rest } = options;
    const settings = { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, ...rest };
    this.socket = { 2: io2, 3: io3, 4: io }[version](origin, settings);
    for (const event of EVENTS) this.socket.on(event, (data) => this.heard.push([event, data]));
    this.socket.on("connect", () => this.connects++);
    this.socket.on("disconnect", (reason) => this.ends.push(reason));
    this.socket.on(version === 2 ? "error" : "connect_error", (error) => this.refusals.push(error));
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  emit(event, data) {
    this.socket.emit(event, data);
  }

  /** What the callback is called with. */
  ask(event, data) {
    return new Promise((resolve) => this.socket.emit(event, data, resolve));
  }

  join(bookId, userId, username = userId) {
    this.emit("joinRoom", { bookId, userId, username });
    return this.hears("previousMessages");
  }

  /** The data of all events of that name. */
  all(event) {
    return this.heard.filter(([name]) => name === event).map(([, data]) => data);
  }

  /** The data of the first event of that name which `fits`. Waits for it. */
  async hears(event, fits = () => true) {
    const found = () => this.all(event).find(fits);
    await until(`${event} is heard; there was ${this.heard.map(([name]) => name)}`, found, (data) => data !== undefined);
    return found();
  }

  /** Waits for so many messages, and returns their words. */
  async hearsMessages(count) {
    const words = () => this.all("newMessage").map(({ content }) => content);
    return until(`${count} messages are heard`, words, (heard) => heard.length >= count);
  }

  close() {
    this.socket.close();
  }
}
