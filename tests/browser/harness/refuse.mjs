// A server that refuses: its answer to what a reader sends is given in its place. All else goes to the real one.

/**
 * Refuses each `event` of a page for which `refuses(data)` holds, and has those get lost for which `loses(data)` does. To be
 * called before the page is opened.
 */
export async function refuse(reader, event, refuses, answer, loses = () => false) {
  await reader.page.routeWebSocket(/\/ws$/, (page) => {
    const server = page.connectToServer();
    page.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.event === event && refuses(frame.data)) {
        page.send(JSON.stringify({ event: "error", id: frame.id, data: answer }));
      } else if (frame.event !== event || !loses(frame.data)) {
        server.send(text);
      }
    });
  });
}
