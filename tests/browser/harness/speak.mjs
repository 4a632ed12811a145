// Many messages without many clicks: over the wire protocol itself, from a page of the server's own origin.

/** Has `speakers` readers say `lines` in turn, each durable before the next. Each speaker has a connection of its own. */
export async function speak(reader, book, speakers, lines) {
  await reader.page.goto(`${reader.origin}/`);
  await reader.page.evaluate(say, { bookId: book.id, speakers, lines });
}

// In the browser.
async function say({ bookId, speakers, lines }) {
  const connect = async (name) => {
    const socket = new WebSocket(`ws://${location.host}/ws`, "readrealm.v1");
    const waiting = new Map();
    const failed = new Promise((_, reject) => {
      socket.onclose = ({ code, reason }) => reject(new Error(`${name}'s connection was closed: ${code} ${reason}`));
    });
    failed.catch(() => {});
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      waiting.get(frame.id)?.(frame);
    };
    await Promise.race([failed, new Promise((resolve) => (socket.onopen = resolve))]);
    let last = 0;
    const ask = async (event, body) => {
      const id = ++last;
      const answer = new Promise((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ event, id, data: { bookId, ...body } }));
      const frame = await Promise.race([failed, answer]);
      if (frame.event === "error") throw new Error(`${event} was refused: ${JSON.stringify(frame.data)}`);
    };
    await ask("joinRoom", { userId: name, username: name });
    return { ask, close: () => socket.close() };
  };
  const all = await Promise.all(speakers.map(connect));
  for (const [index, content] of lines.entries()) await all[index % all.length].ask("message", { content });
  for (const { close } of all) close();
}
