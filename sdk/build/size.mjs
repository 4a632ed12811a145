// npm run size: what a page downloads for the chat, part by part, as a Vite production build makes it. Run after the build.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const sdk = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(sdk, "dist");
const app = mkdtempSync(join(tmpdir(), "readrealm-size-"));

// What is kept from tree shaking, and from being one file.
const ENTRY = `
  import { ChatClient } from ${JSON.stringify(join(dist, "index.js"))};
  export const connect = ChatClient.connect;
  export { ChatProvider, useRoom } from ${JSON.stringify(join(dist, "react.js"))};
  export { fetchRoom } from ${JSON.stringify(join(dist, "server.js"))};
`;
const groups = [
  { name: "bindings", test: /dist\/pkg\// },
  { name: "outbox", test: /dist\/(keep|outbox)\.js$/ },
  { name: "react", test: /dist\/react/ },
  { name: "fetchRoom", test: /dist\/fetch-room\.js$/ },
  { name: "client", test: /dist\// },
];

try {
  writeFileSync(join(app, "entry.js"), ENTRY);
  const { output } = await build({
    root: app,
    logLevel: "silent",
    resolve: { alias: { "readrealm-chat": join(dist, "index.js") } },
    build: {
      write: false,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: {
        external: ["react"],
        input: join(app, "entry.js"),
        preserveEntrySignatures: "allow-extension",
        output: { codeSplitting: { minSize: 0, includeDependenciesRecursively: false, groups } },
      },
    },
  });
  for (const file of output) {
    const bytes = Buffer.from(file.type === "chunk" ? file.code : file.source);
    const gzip = gzipSync(bytes, { level: 9 }).length;
    const name = file.type === "chunk" ? file.name : "WebAssembly";
    if (name !== "entry") console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(7)} bytes ${String(gzip).padStart(7)} gzip`);
  }
} finally {
  rmSync(app, { recursive: true, force: true });
}
