// npm run matrix: the packed tarball in the bundlers people use, each result run in Chromium against the real server. It
// installs them all, so `npm test` has the short form alone. Before it: npm run build:sdk, cargo build -p readrealm-server.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ChatClient } from "readrealm-chat";
import { until } from "../tests/support.mjs";
import { freePort, Matrix, PAGE, run, SENT } from "./harness.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const DEPENDENCIES = {
  vite7: "npm:vite@^7",
  vite8: "npm:vite@^8",
  webpack: "^5",
  "webpack-cli": "*",
  next: "^16",
  react: "^19",
  "react-dom": "^19",
  vitest: "*",
  ws: "*",
};
const BOTH = [["index.html", ""], ["react.html", "React"]];

let matrix;
let app;

const bin = (name) => join(app, "node_modules/.bin", name);
const goodIn = ({ title, complaints }, react = "") => {
  assert.deepEqual(complaints, []);
  assert.equal(title.replace(/^React 19[\d.]+: /, "React: "), react === "" ? SENT : `React: ${SENT}`);
};

before(async () => {
  matrix = await Matrix.start();
  app = matrix.install("app", DEPENDENCIES);
  writeFileSync(
    join(app, "vite.config.js"),
    `export default { build: { target: "es2022", rollupOptions: { input: ["index.html", "react.html"] } } };`,
  );
});
after(() => matrix?.end());

for (const name of ["vite7", "vite8"]) {
  const vite = () => join(app, "node_modules", name, "bin/vite.js");

  test(`${name}: build`, async () => {
    const outDir = join(matrix.folder, name);
    run(process.execPath, [vite(), "build", "--outDir", outDir], { cwd: app });
    const origin = await matrix.serve(outDir);
    for (const [page, react] of BOTH) goodIn(await matrix.open(`${origin}/${page}`), react);
  });

  test(`${name}: dev server`, async () => {
    const args = ["--host", "127.0.0.1", "--port", String(await freePort()), "--strictPort"];
    const env = { ...process.env, NO_COLOR: "1" };
    const said = await matrix.spawn(process.execPath, [vite(), ...args], /Local:\s+\S+\n/, { cwd: app, env });
    const [, origin] = /Local:\s+(http\S+?)\/?\n/.exec(said);
    for (const [page, react] of BOTH) goodIn(await matrix.open(`${origin}/${page}`), react);
  });
}

// In its mode for development the root is the one that has its WebAssembly within.
for (const [mode, files] of [["production", 1], ["development", 0]]) {
  for (const [entry, react] of [["main.js", ""], ["react-url.js", "React"]]) {
    test(`webpack 5: ${mode}, ${entry}`, async () => {
      const out = join(matrix.folder, `webpack-${mode}-${entry}`);
      run(bin("webpack"), [`./${entry}`, "--mode", mode, "--output-path", out], { cwd: app });
      assert.equal(readdirSync(out).filter((name) => name.endsWith(".wasm")).length, files);
      writeFileSync(join(out, "index.html"), PAGE);
      goodIn(await matrix.open(`${await matrix.serve(out)}/`), react);
    });
  }
}

test("no bundler: the files as they are", async () => {
  const out = join(matrix.folder, "plain");
  mkdirSync(out);
  cpSync(join(app, "node_modules/readrealm-chat/dist"), join(out, "chat"), { recursive: true });
  cpSync(join(app, "talk.js"), join(out, "talk.js"));
  writeFileSync(join(out, "main.js"), readFileSync(join(app, "main.js"), "utf8").replace(`"readrealm-chat"`, `"./chat/index.js"`));
  cpSync(join(app, "index.html"), join(out, "index.html"));
  goodIn(await matrix.open(`${await matrix.serve(out)}/`));
});

test("Vitest", () => {
  const env = { ...process.env, CHAT: matrix.server.url, NO_COLOR: "1" };
  assert.match(run(bin("vitest"), ["run"], { cwd: app, env }), /1 passed/);
});

test("Next 16: build with a server component; hydrated as it is, and gone on from there", async () => {
  const bob = await ChatClient.connect(matrix.server.url, { userId: "bob" });
  matrix.onEnd(() => bob.close());
  const room = await bob.joinRoom(28520);
  const { content } = await room.send("rendered on the server");
  const { next, env } = nextApp("next");
  run(bin("next"), ["build"], { cwd: next, env });
  const address = await startNext("start", next, env);
  const html = await (await fetch(address)).text();
  assert.ok(html.includes(`>${content}</li>`), html);
  assert.deepEqual(await speakIn(address), []);
  await until(() => room.messages[0].content === "from the page");
});

test("Next 16: the dev server", async () => {
  const { next, env } = nextApp("next-dev");
  assert.deepEqual(await speakIn(await startNext("dev", next, env)), []);
});

/** Below the app, whose packages it finds. */
function nextApp(name) {
  const next = join(app, name);
  cpSync(join(here, "next"), next, { recursive: true });
  writeFileSync(join(next, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return { next, env: { ...process.env, CHAT: matrix.server.url, NEXT_TELEMETRY_DISABLED: "1" } };
}

async function startNext(command, next, env) {
  const port = await freePort();
  await matrix.spawn(bin("next"), [command, "-p", String(port), "-H", "127.0.0.1"], /Ready/, { cwd: next, env });
  return `http://127.0.0.1:${port}/`;
}

/** Says something by the page's own button. Resolves with what the page complained of. */
async function speakIn(address) {
  const act = async (page) => {
    await page.locator("main[data-status=joined]").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("li[data-status=sent]", { hasText: "from the page" }).first().waitFor();
  };
  return (await matrix.open(address, { act })).complaints;
}
