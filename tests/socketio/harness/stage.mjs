// What a test starts ends with it.

import { test } from "node:test";
import { stores } from "../../browser/harness/stores.mjs";
import { Browser } from "./browser.mjs";
import { Engine } from "./engine.mjs";
import { Phone } from "./phone.mjs";
import { Server } from "./server.mjs";

const STORY_MS = 120_000;

class Stage {
  #ends = [];
  #servers = [];

  async server(options) {
    const server = await Server.start(options);
    this.#servers.push(server);
    this.#ends.push(() => server.stop());
    return server;
  }

  async store(engine) {
    const { url, close } = await stores[engine]();
    this.#ends.push(close);
    return url;
  }

  phone(server, options) {
    return this.keep(new Phone(server.origin, options));
  }

  async browser(server) {
    return this.keep(await Browser.open(server.origin));
  }

  async engine(server, first) {
    return this.keep(await Engine.enter(server.origin, first));
  }

  async stranger(server, first, query) {
    return this.keep(await Engine.open(server.origin, first, query));
  }

  /** What is to be closed with it. */
  keep(client) {
    this.#ends.push(async () => client.close());
    return client;
  }

  async end() {
    for (const end of this.#ends.reverse()) await end();
  }

  explain(error) {
    const logs = this.#servers.map((server) => `The server's last lines:\n${server.log}`);
    error.stack = [error.stack, ...logs].join("\n");
    return error;
  }
}

/** A test with a stage of its own. */
export function story(title, tell) {
  test(title, { timeout: STORY_MS }, async () => {
    const stage = new Stage();
    try {
      await tell(stage);
    } catch (error) {
      throw stage.explain(error);
    } finally {
      await stage.end();
    }
  });
}
