// A client of /ws, frame by frame.

import WebSocket from "ws";
import { until } from "../../browser/harness/until.mjs";

export class Browser {
  frames = [];
  #id = 0;

  static async open(origin) {
    const browser = new Browser();
    browser.socket = new WebSocket(`${origin.replace("http", "ws")}/ws`);
    browser.socket.on("message", (text) => browser.frames.push(JSON.parse(text)));
    await new Promise((resolve, reject) => browser.socket.once("open", resolve).once("error", reject));
    return browser;
  }

  /** Sends a request and waits for its answer. */
  async ask(event, data) {
    const id = ++this.#id;
    this.socket.send(JSON.stringify({ event, id, data }));
    return until(`${event} is answered`, () => this.frames.find((frame) => frame.id === id), Boolean);
  }

  all(event) {
    return this.frames.filter((frame) => frame.event === event).map(({ data }) => data);
  }

  async hears(event, fits = () => true) {
    return until(`${event} is heard`, () => this.all(event).find(fits), Boolean);
  }

  close() {
    this.socket.terminate();
  }
}
