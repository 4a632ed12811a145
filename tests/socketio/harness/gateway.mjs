// The gateway of today, as far as its chat goes: Socket.IO over a collection of messages, and no more checks than it has.

import { Server } from "socket.io";
import { createServer } from "node:http";
import { MongoClient, ObjectId } from "mongodb";

export class Gateway {
  #http = createServer();
  #io = new Server(this.#http, { cors: { origin: "*" } });

  static async start(url) {
    const gateway = new Gateway();
    gateway.client = await MongoClient.connect(url);
    gateway.messages = gateway.client.db().collection("messages");
    gateway.#io.on("connection", (socket) => gateway.#serve(socket));
    await new Promise((resolve) => gateway.#http.listen(0, "127.0.0.1", resolve));
    gateway.origin = `http://127.0.0.1:${gateway.#http.address().port}`;
    return gateway;
  }

  async close() {
    await this.#io.close();
    await this.client.close();
  }

  #serve(socket) {
    socket.on("joinRoom", async ({ bookId, username }) => {
      socket.join(`book_${bookId}`);
      const newest = await this.messages.find({ bookId: Number(bookId) }).sort({ createdAt: -1 }).limit(50).toArray();
      socket.emit("previousMessages", newest);
      this.#io.to(`book_${bookId}`).emit("userJoined", { username, timestamp: new Date() });
    });
    socket.on("chatMessage", async ({ bookId, userId, username, content }) => {
      const createdAt = new Date();
      const message = { _id: new ObjectId(), bookId: Number(bookId), userId, username, content, createdAt, updatedAt: createdAt, __v: 0 };
      await this.messages.insertOne(message);
      this.#io.to(`book_${bookId}`).emit("newMessage", message);
    });
  }
}
