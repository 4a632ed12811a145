// StrictMode mounts everything twice, in React's development build alone: so the page as a developer has it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { repository } from "../harness/needs.mjs";
import { shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const files = mkdtempSync(join(tmpdir(), "readrealm-strict-"));
before(() => {
  const vite = ["vite", "build", "--mode", "development", "--outDir", files, "--emptyOutDir", "--logLevel", "error"];
  const env = { ...process.env, NODE_ENV: "development" };
  execFileSync("npm", ["exec", "-w", "readrealm-example-react", "--", ...vite], { cwd: repository, env, stdio: "pipe" });
});
after(() => rmSync(files, { recursive: true, force: true }));

story("StrictMode: one socket, one join; unmount leaves; no warning in the console", async (stage) => {
  const server = await stage.server({ files });
  const alice = await stage.reader(server, "Alice");
  const spoken = [];
  const sockets = [];
  alice.page.on("console", (message) => spoken.push(`${message.type()}: ${message.text()}`));
  alice.page.on("websocket", (socket) => {
    sockets.push({ socket, frames: [] });
    const { frames } = sockets.at(-1);
    socket.on("framesent", ({ payload }) => frames.push(JSON.parse(payload)));
  });
  const sent = (event) =>
    sockets.flatMap(({ frames }) => frames.filter((frame) => frame.event === event).map(({ data }) => data.bookId));
  await alice.enter(shelf.alice);
  await alice.write("Curiouser and curiouser!");
  await alice.sees(["Curiouser and curiouser!"]);
  assert.deepEqual([sockets.length, sent("joinRoom")], [1, [shelf.alice.id]]);

  await alice.turnTo(shelf.moby);
  await alice.arrived(shelf.moby);
  await until("the first room is left", () => sent("leaveRoom"), [shelf.alice.id]);
  assert.deepEqual([sockets.length, sent("joinRoom")], [1, [shelf.alice.id, shelf.moby.id]]);

  await alice.page.getByRole("link", { name: "All books" }).click();
  await alice.page.getByRole("textbox", { name: "Your name" }).waitFor();
  await until("the connection is closed", () => sockets.map(({ socket }) => socket.isClosed()), [true]);
  assert.deepEqual(sent("leaveRoom"), [shelf.alice.id, shelf.moby.id]);

  assert.ok(spoken.some((text) => text.includes("React DevTools")), "it was not React's development build");
  assert.deepEqual(spoken.filter((text) => /^(?:warning|error|assert):/.test(text)), []);
});
