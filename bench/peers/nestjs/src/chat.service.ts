import { Injectable } from "@nestjs/common";
import { InjectModel } from "@nestjs/mongoose";
import type { Model } from "mongoose";
import { Message } from "./message";

@Injectable()
export class ChatService {
  constructor(@InjectModel(Message.name) private readonly messages: Model<Message>) {}

  saveMessage({ bookId, userId, username, content }: Message) {
    return this.messages.create({ bookId, userId, username, content });
  }

  getRoomMessages(bookId: number) {
    return this.messages.find({ bookId }).sort({ createdAt: -1 }).limit(50).exec();
  }
}
