// A reader at the page: what one does there, and what one sees. The names are those of examples/react/README.md.

import { PATIENCE_MS, until } from "./until.mjs";

/** Time to come back after an outage: the SDK waits up to 20 s between two attempts. */
export const RETURN_MS = 60_000;

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

export const shelf = {
  alice: { id: 11, title: "Alice’s Adventures in Wonderland" },
  moby: { id: 2701, title: "Moby-Dick" },
  dracula: { id: 345, title: "Dracula" },
};

export class Reader {
  constructor(page, origin, name) {
    this.page = page;
    this.origin = origin;
    this.name = name;
    this.log = page.getByRole("log", { name: "Messages" });
    this.composer = page.getByRole("textbox", { name: "Message", exact: true });
    this.connection = page.getByRole("status").and(page.locator("[data-state]"));
    this.editor = page.getByRole("textbox", { name: "New words" });
    this.banner = page.locator(".banner");
    this.jump = page.getByRole("button", { name: /jump to newest$/i });
  }

  async openShelf() {
    await this.page.goto(`${this.origin}/`);
    await this.page.getByRole("list", { name: "Books" }).waitFor();
  }

  /** By the front door: the shelf, a name, a book. */
  async enter(book) {
    await this.openShelf();
    await this.page.getByRole("textbox", { name: "Your name" }).fill(this.name);
    await this.page.getByRole("link", { name: book.title, exact: true }).click();
    await this.arrived(book);
  }

  /** By a shared link. */
  async enterByLink(book) {
    await this.page.goto(`${this.origin}/#/book/${book.id}`);
    await this.page.getByRole("textbox", { name: "Your name" }).fill(this.name);
    await this.page.getByRole("button", { name: "Come in" }).click();
    await this.arrived(book);
  }

  /** Over to another book, by its link beside the room. */
  async turnTo(book) {
    await this.page.getByRole("navigation", { name: "Books" }).getByRole("link", { name: book.title, exact: true }).click();
  }

  async arrived(book) {
    await this.page.getByRole("heading", { level: 1, name: book.title, exact: true }).waitFor();
    await this.connected();
    await until(`${this.name} has joined the room`, () => this.log.getAttribute("aria-busy"), "false");
  }

  /** The message with these words, or the place where it is being edited. */
  message(text) {
    return this.log.getByRole("article").filter({ hasText: text });
  }

  /** One of the buttons of an own message, which show when it is pointed at. */
  async press(text, button) {
    await this.message(text).getByTestId("content").hover();
    await this.message(text).getByRole("button", { name: button, exact: true }).click();
  }

  async write(text) {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Oldest first. `seq` is `null` until the message is durable. */
  messages() {
    return this.log.evaluate((log) =>
      [...log.querySelectorAll("article")].map((article) => ({
        seq: article.dataset.seq === undefined ? null : Number(article.dataset.seq),
        author: article.querySelector(".author").textContent,
        content: article.querySelector('[data-testid="content"]').innerText,
      })),
    );
  }

  /** Waits until these texts are the log, in this order, all of them durable. */
  async sees(contents, timeout = PATIENCE_MS) {
    const durable = (all) => all.map(({ seq, content }) => (seq === null ? `(not yet durable) ${content}` : content));
    await until(`${this.name} sees exactly these messages`, async () => durable(await this.messages()), contents, timeout);
    return this.messages();
  }

  state() {
    return this.connection.getAttribute("data-state");
  }

  connected(timeout = PATIENCE_MS) {
    return until(`${this.name}'s page is connected`, () => this.state(), "connected", timeout);
  }
}
