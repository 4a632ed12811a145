/** Says one thing, and in the title how that went. */
export async function talk(ChatClient) {
  const url = new URLSearchParams(location.search).get("chat");
  try {
    const chat = await ChatClient.connect(url, { userId: "u1", username: "alice" });
    const room = await chat.joinRoom(28520);
    const { content, status } = await room.send("The Cheshire Cat scene is my favourite!");
    document.title = `${status}: ${content}`;
  } catch (error) {
    document.title = `failed: ${error}`;
  }
}
