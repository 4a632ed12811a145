import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { MongooseModule } from "@nestjs/mongoose";
import { ChatGateway } from "./chat.gateway";
import { ChatService } from "./chat.service";
import { Message, MessageSchema } from "./message";

@Module({
  imports: [
    MongooseModule.forRoot(process.env.MONGODB_URL ?? "mongodb://127.0.0.1:27017/readrealm"),
    MongooseModule.forFeature([{ name: Message.name, schema: MessageSchema }]),
  ],
  providers: [ChatGateway, ChatService],
})
class AppModule {}

async function main() {
  const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
  await app.listen(0, "127.0.0.1");
  console.log(`listening on ${await app.getUrl()}`);
}

void main();
