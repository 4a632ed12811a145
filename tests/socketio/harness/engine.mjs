// A client that no app is: packets of the engine, written by hand.

import WebSocket from "ws";
import { until } from "../../browser/harness/until.mjs";

export class Engine {
  packets = [];
  closed = false;

  /** Opens a session over WebSocket. `first` is sent with the handshake's end, before anything is heard. */
  static async open(origin, first = [], query = "EIO=4") {
    const engine = new Engine();
    engine.socket = new WebSocket(`${origin.replace("http", "ws")}/socket.io/?${query}&transport=websocket`);
    engine.socket.on("message", (data, binary) => engine.#take(binary ? data : String(data)));
    engine.socket.on("close", () => (engine.closed = true));
    engine.socket.on("error", () => (engine.closed = true));
    engine.socket.once("open", () => first.forEach((packet) => engine.send(packet)));
    await until("a session is open", () => engine.closed || engine.packets.length > 0, true);
    return engine;
  }

  /** One that was let in. */
  static async enter(origin, first = []) {
    const engine = await Engine.open(origin, ["40", ...first]);
    await engine.hears((packet) => packet.startsWith("40"));
    return engine;
  }

  send(packet) {
    this.socket.send(packet);
  }

  emit(event, ...data) {
    this.send(`42${JSON.stringify([event, ...data])}`);
  }

  hears(fits) {
    return until(`a packet is heard; there was ${this.packets}`, () => this.packets.find(fits), Boolean);
  }

  /** The data of all events of that name. */
  all(event) {
    const events = this.packets.filter((packet) => packet.startsWith("42")).map((packet) => JSON.parse(packet.slice(2)));
    return events.filter(([name]) => name === event).map(([, data]) => data);
  }

  async exceptions(count) {
    return until(`${count} exceptions`, () => this.all("exception"), (all) => all.length >= count);
  }

  #take(packet) {
    if (packet === "2") this.socket.send("3");
    this.packets.push(packet);
  }

  close() {
    this.socket.terminate();
  }
}
