// Servers, stores and readers that end together, and the watch over all of them.

import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browser } from "./browser.mjs";
import { Reader } from "./reader.mjs";
import { Server } from "./server.mjs";
import { stores } from "./stores.mjs";
import { PATIENCE_MS } from "./until.mjs";
import { Watch } from "./watch.mjs";

const WIDE = { width: 1280, height: 800 };
/** Where the pages of a failed test are kept as pictures. */
const PICTURES = join(tmpdir(), "readrealm-browser-failures");

export class Stage {
  watch = new Watch();
  #servers = [];
  #readers = [];
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
    return this.#keep(new Reader(await context.newPage(), server.origin, name));
  }

  /** Another tab of the same browser: the same stored name and user. */
  async tabOf(reader) {
    return this.#keep(new Reader(await reader.page.context().newPage(), reader.origin, reader.name));
  }

  /** Ends everything, the last first. */
  async close() {
    for (const close of this.#closing.reverse()) {
      await close().catch((error) => this.watch.problems.push(`while ending: ${error.message}`));
    }
  }

  /** The error, with what else is known at that moment. */
  async explained(error) {
    const logs = this.#servers.map((server) => `The server's last lines:\n${server.log}`);
    const notes = [...this.watch.problems, ...(await this.#pictures()), ...logs].join("\n");
    // The stack is what reporters print; it has the message in it as it was when it was thrown.
    error.stack = `${error.stack}\n${notes}`;
    return error;
  }

  #keep(reader) {
    this.#readers.push(reader);
    return reader;
  }

  async #pictures() {
    await mkdir(PICTURES, { recursive: true });
    const open = this.#readers.filter(({ page }) => !page.isClosed());
    return Promise.all(
      open.map(async ({ page, name }, index) => {
        const path = join(PICTURES, `${process.pid}-${Date.now()}-${index}.png`);
        return page.screenshot({ path, timeout: 5_000 }).then(
          () => `${name}'s page: ${path}`,
          (error) => `${name}'s page cannot be shown: ${error.message.split("\n")[0]}`,
        );
      }),
    );
  }
}
