// An app of today that is moved from server to server: it joins whenever it connects, says a line every now and then, and notes how long it was away.

import { until } from "../../browser/harness/until.mjs";
import { trust } from "./certificate.mjs";
import { Phone } from "./phone.mjs";

const EVERY_MS = 150;

export class Commuter {
  static BOOK = 4242;
  /** `{content, seq}` of what the server has taken. */
  taken = [];
  /** Milliseconds from each disconnect to the history that closes it. */
  absences = [];
  /** Milliseconds from each send to its callback. */
  waits = [];
  #left;
  #number = 0;
  #timer;

  constructor(origin, transports, name) {
    this.phone = new Phone(origin, { transports, ...trust });
    const { socket } = this.phone;
    socket.on("connect", () => this.phone.emit("joinRoom", { bookId: Commuter.BOOK, userId: name, username: name }));
    socket.on("disconnect", () => (this.#left ??= Date.now()));
    socket.on("previousMessages", () => {
      if (this.#left) this.absences.push(Date.now() - this.#left);
      this.#left = undefined;
    });
    this.#timer = setInterval(() => this.#say(`${name}: ${++this.#number}`), EVERY_MS);
  }

  /** The places of what it heard live. */
  get seqs() {
    return this.phone.all("newMessage").map(({ seq }) => seq);
  }

  /** Waits until so much of what it said was taken. */
  talks(count) {
    return until(`${count} sends are taken`, () => this.taken.length, (taken) => taken >= count);
  }

  /** It says no more, and is back if it was away. */
  async stop() {
    clearInterval(this.#timer);
    await until("it is back", () => this.#left, undefined);
  }

  close() {
    clearInterval(this.#timer);
    this.phone.close();
  }

  #say(content) {
    // Who is away says nothing: what Socket.IO sends again is another matter.
    if (this.#left || !this.phone.socket.connected) return;
    const sent = Date.now();
    this.phone.socket.emit("chatMessage", { bookId: Commuter.BOOK, content }, ({ seq }) => {
      this.waits.push(Date.now() - sent);
      this.taken.push({ content, seq });
    });
  }
}
