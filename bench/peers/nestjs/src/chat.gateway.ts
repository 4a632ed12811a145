import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from "@nestjs/websockets";
import type { Server, Socket } from "socket.io";
import { ChatService } from "./chat.service";
import type { Message } from "./message";

const roomOf = (bookId: number) => `book-${bookId}`;

/** The gateway that this project takes the place of, as the ReadRealm documentation tells of it: store, then tell the room. */
@WebSocketGateway()
export class ChatGateway {
  @WebSocketServer()
  private readonly server: Server;

  constructor(private readonly chat: ChatService) {}

  @SubscribeMessage("joinRoom")
  async joinRoom(@ConnectedSocket() client: Socket, @MessageBody() { bookId }: { bookId: number }) {
    await client.join(roomOf(bookId));
    client.emit("previousMessages", await this.chat.getRoomMessages(bookId));
  }

  @SubscribeMessage("leaveRoom")
  async leaveRoom(@ConnectedSocket() client: Socket, @MessageBody() { bookId }: { bookId: number }) {
    await client.leave(roomOf(bookId));
    return {};
  }

  @SubscribeMessage("message")
  async message(@MessageBody() message: Message) {
    const saved = await this.chat.saveMessage(message);
    this.server.to(roomOf(message.bookId)).emit("newMessage", saved);
    return { messageId: saved._id };
  }
}
