// The frame of every test: servers, readers and stores that end with it, and the judgement over what was watched.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "./browser.mjs";
import { Reader } from "./reader.mjs";
import { Server } from "./server.mjs";
import { stores } from "./stores.mjs";
import { PATIENCE_MS } from "./until.mjs";
import { Watch } from "./watch.mjs";

const STORY_MS = 180_000;
const WIDE = { width: 1280, height: 800 };

export function story(title, tell) {
  test(title, { timeout: STORY_MS }, async () => {
    const stage = new Stage();
    try {
      await tell(stage);
    } catch (error) {
      throw stage.explained(error);
    } finally {
      await stage.close();
    }
    assert.deepEqual(stage.watch.problems, [], "the pages did something that no page may");
  });
}

export class Stage {
  watch = new Watch();
  #servers = [];
  #closing = [];

  async server(options) {
    const server = await Server.start(options);
    this.#servers.push(server);
    this.#closing.push(() => server.stop());
    return server;
  }

  /** The URL of a fresh log on an engine of this name. */
  async store(engine) {
    const { url, close } = await stores[engine]();
    this.#closing.push(close);
    return url;
  }

  /** A page in a browser context of its own. */
  async reader(server, name, options = {}) {
    const context = await (await browser()).newContext({ viewport: WIDE, locale: "en", ...options });
    this.#closing.push(() => context.close());
    context.setDefaultTimeout(PATIENCE_MS);
    await this.watch.over(context, server, name);
    return new Reader(await context.newPage(), server.origin, name);
  }

  /** Another tab of the same browser: the same stored name and user. */
  async tabOf(reader) {
    return new Reader(await reader.page.context().newPage(), reader.origin, reader.name);
  }

  async close() {
    for (const close of this.#closing.reverse()) await close();
  }

  /** The error with what else is known at that moment. */
  explained(error) {
    const notes = [...this.watch.problems, ...this.#servers.map((server) => `the server's last lines:\n${server.log}`)];
    error.message = [error.message, ...notes].join("\n");
    return error;
  }
}
