// What `npm test` runs, in this order. A command is a `check`, which counts as one test, or a runner whose tests are counted;
// `build` runs before the suite's commands and counts only when it fails.

import { join } from "node:path";
import { buildExample } from "./build-example.mjs";
import { buildSdk } from "./build-sdk.mjs";
import { root, targetDir } from "./lib/process.mjs";
import { TARGET } from "./setup/build-std.mjs";

const NATIVE = ["--workspace", "--exclude", "readrealm-sdk"];
const DENY_WARNINGS = ["--", "-D", "warnings"];

const cargo = (...args) => ({ command: "cargo", args });
const check = (title, command) => ({ ...command, check: title });
const npmTest = (workspace, env) => ({ command: "npm", args: ["test", "-w", workspace], env });

const server = join(targetDir, "debug/readrealm-server");
// As the suite `rust` builds it, for a test of its own: else cargo compiles the dependencies anew with other features.
const serverBinary = { ...cargo("test", ...NATIVE, "--no-run", "--test", "direction"), silent: true };

export const suites = [
  {
    name: "lint",
    needs: ["wasmTarget"],
    commands: [
      check("formatting", cargo("fmt", "--all", "--check")),
      check("clippy", cargo("clippy", ...NATIVE, "--all-targets", ...DENY_WARNINGS)),
      check("clippy of the SDK", cargo("clippy", "-p", "readrealm-sdk", "--target", TARGET, ...DENY_WARNINGS)),
      check("documentation", { ...cargo("doc", ...NATIVE, "--no-deps"), env: { RUSTDOCFLAGS: "-D warnings" } }),
    ],
  },
  {
    name: "scripts",
    needs: [],
    commands: [{ command: "node", args: ["--test", "--test-reporter=spec", "scripts/lib/", "scripts/profile/", "scripts/setup/"] }],
  },
  {
    // What cannot be reached is said and not counted: see scripts/supply/supply.test.mjs.
    name: "supply",
    needs: ["cargoDeny"],
    commands: [{ command: "node", args: ["--test", "--test-reporter=spec", "scripts/supply/"] }],
  },
  {
    // Against what is stored in bench/counts.json; where another compiler or Valgrind counts, that is said and nothing judged.
    name: "counts",
    needs: ["valgrind"],
    commands: [{ command: "node", args: ["--test", "--test-reporter=spec", "scripts/counts/"] }],
  },
  {
    name: "rust",
    needs: ["mongod"],
    commands: [cargo("test", ...NATIVE, "--no-fail-fast")],
  },
  {
    // Every kind of fault that takes little time, once; all of them, for as long as you like: npm run chaos.
    name: "chaos",
    needs: ["mongod"],
    commands: [
      { ...cargo("test", ...NATIVE, "--no-run", "--test", "direction", "--test", "lifecycle"), silent: true },
      {
        command: join(targetDir, "debug/chaos"),
        args: ["--short", "--seed", "1"],
        env: { READREALM_SERVER: join(targetDir, "debug/readrealm-server") },
      },
    ],
  },
  {
    name: "sdk-native",
    needs: [],
    commands: [cargo("test", "-p", "readrealm-sdk", "--no-fail-fast")],
  },
  {
    name: "sdk-wasm",
    needs: ["wasmTarget", "wasmBindgen", "wasmPack", "browser"],
    commands: [
      {
        command: "wasm-pack",
        args: ({ CHROMEDRIVER }) => ["test", "--mode", "no-install", "--headless", "--chrome", "--chromedriver", CHROMEDRIVER, "sdk"],
      },
    ],
  },
  {
    name: "sdk-js",
    needs: ["npmInstall"],
    build: buildSdk,
    commands: [serverBinary, npmTest("readrealm-chat", { READREALM_SERVER: server })],
  },
  {
    // The builds that take seconds; with all the bundlers: npm run matrix.
    name: "matrix",
    needs: ["npmInstall", "browser"],
    build: buildSdk,
    commands: [
      serverBinary,
      { command: "npm", args: ["run", "matrix:short", "-w", "readrealm-chat"], env: { READREALM_SERVER: server } },
    ],
  },
  {
    name: "socketio",
    needs: ["npmInstall", "mongod", "nginx"],
    commands: [serverBinary, npmTest("readrealm-socketio-tests", { READREALM_SERVER: server })],
  },
  {
    name: "browser",
    needs: ["npmInstall", "browser", "mongod"],
    build: buildExample,
    commands: [
      serverBinary,
      npmTest("readrealm-browser-tests", {
        READREALM_SERVER: server,
        READREALM_PAGE: join(root, "examples/react/dist"),
      }),
    ],
  },
];
