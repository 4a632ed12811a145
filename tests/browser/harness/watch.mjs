// What no test may bring about, whatever it is about: collected over its whole length and judged at its end.

import { readFileSync } from "node:fs";

const WITNESS = readFileSync(new URL("witness.js", import.meta.url), "utf8");
const WEB = /^(?:https?|wss?):/;
/** A page in order says nothing of these kinds, whatever it goes through. */
const GRAVE = new Set(["error", "warning", "assert"]);

export class Watch {
  /** What went wrong, in sentences. */
  problems = [];
  #roomsOf = new Map();

  /** Looks at everything that happens in a browser context, which may talk to `server` alone. */
  async over(context, server, who) {
    const report = (text) => this.problems.push(`${who}: ${text}`);
    context.on("console", (message) => {
      if (!GRAVE.has(message.type()) || isOutage(message, server)) return;
      report(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => report(`uncaught: ${error.error().stack}`));
    context.on("request", (request) => {
      if (isForeign(request.url(), server)) report(`request to another host: ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) report(`${response.url()} was answered with ${response.status()}`);
    });
    context.on("page", (page) => {
      page.on("crash", () => report("the page crashed"));
      page.on("websocket", (socket) => {
        if (isForeign(socket.url(), server)) report(`WebSocket to another host: ${socket.url()}`);
      });
    });
    await context.exposeFunction("readrealmProblem", report);
    await context.exposeFunction("readrealmSaw", (title, content) => this.#saw(title, content, report));
    await context.addInitScript(WITNESS);
  }

  /** Every text in these tests is written once, in one room. */
  #saw(title, content, report) {
    const room = this.#roomsOf.get(content) ?? title;
    this.#roomsOf.set(content, room);
    if (room !== title) report(`"${content}" was shown in "${title}" and in "${room}"`);
  }
}

function isForeign(url, server) {
  return WEB.test(url) && new URL(url).host !== new URL(server.origin).host;
}

/** Chromium itself logs every attempt to reach a server that is away, and asks for the icon again; no page can keep it from that. */
function isOutage(message, server) {
  if (!server.wasAway) return false;
  const socket = `${server.origin.replace(/^http/, "ws")}/ws`;
  const icon = message.location().url === `${server.origin}/favicon.svg`;
  return icon || message.text().startsWith(`WebSocket connection to '${socket}' failed: `);
}
