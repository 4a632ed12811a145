// The proxy before old and new: it passes everything on to one of them, or answers 503.

import { createServer, request } from "node:http";
import { connect } from "node:net";

export class Gate {
  #target;
  #sockets = new Set();
  #server = createServer((asked, answer) => this.#pass(asked, answer));

  /** It begins before `target`. */
  static async open(target) {
    const gate = new Gate();
    gate.lead(target);
    gate.#server.on("connection", (socket) => gate.#keep(socket));
    gate.#server.on("upgrade", (asked, socket, head) => gate.#upgrade(asked, socket, head));
    await new Promise((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    gate.origin = `http://127.0.0.1:${gate.#server.address().port}`;
    return gate;
  }

  /** From now on everything goes there. */
  lead({ origin }) {
    this.#target = new URL(origin);
  }

  /** Nothing is passed on any more, and what is open is cut. */
  block() {
    this.#target = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close() {
    this.block();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket) {
    this.#sockets.add(socket);
    socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
  }

  #pass(asked, answer) {
    if (!this.#target) return answer.writeHead(503).end();
    const { method, url: path, headers } = asked;
    const { hostname, port } = this.#target;
    const passed = request({ hostname, port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.once("close", () => passed.destroy());
    asked.pipe(passed);
  }

  #upgrade(asked, socket, head) {
    if (!this.#target) return socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n");
    const passed = connect(Number(this.#target.port), this.#target.hostname, () => {
      const lines = asked.rawHeaders.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
      passed.write(`GET ${asked.url} HTTP/1.1\r\n${lines}\r\n`);
      passed.write(head);
      passed.pipe(socket).pipe(passed);
    });
    this.#keep(passed);
    passed.once("close", () => socket.destroy());
    socket.once("close", () => passed.destroy());
  }
}
