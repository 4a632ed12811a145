import { Prop, Schema, SchemaFactory } from "@nestjs/mongoose";

@Schema({ timestamps: true, autoIndex: process.env.INDEXED === "1" })
export class Message {
  @Prop({ required: true })
  bookId: number;

  @Prop({ required: true })
  userId: string;

  @Prop({ required: true })
  username: string;

  @Prop({ required: true })
  content: string;
}

// What the app never had, and what its rooms need: with and without it, both are measured.
export const MessageSchema = SchemaFactory.createForClass(Message).index({ bookId: 1, createdAt: -1 });
