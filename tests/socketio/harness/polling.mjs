// A client that comes by long-polling, request by request.

export class Polling {
  /** Opens a session and sends packets. */
  static async open(server, packets = [], { query = "EIO=4", headers = {} } = {}) {
    const polling = new Polling();
    polling.headers = headers;
    polling.url = `${server.origin}/socket.io/?${query}&transport=polling`;
    const opened = await fetch(polling.url, { headers });
    const text = await opened.text();
    if (!opened.ok) throw new Error(`${opened.status} ${text}`);
    polling.sid = JSON.parse(text.slice(text.indexOf("{"))).sid;
    if (packets.length > 0) await polling.post(packets);
    return polling;
  }

  async post(packets, type = "text/plain;charset=UTF-8") {
    const headers = { ...this.headers, "content-type": type };
    const body = packets.join("\u001e");
    return (await fetch(`${this.url}&sid=${this.sid}`, { method: "POST", body, headers })).status;
  }

  /** What is told next, pings answered. */
  async get() {
    for (;;) {
      const response = await fetch(`${this.url}&sid=${this.sid}`, { headers: this.headers });
      const told = (await response.text()).split("\u001e");
      const packets = told.filter((packet) => packet !== "2");
      if (packets.length < told.length) await this.post(["3"]);
      if (packets.length > 0) return { status: response.status, packets };
    }
  }
}
