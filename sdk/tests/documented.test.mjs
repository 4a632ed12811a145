// Whatever an editor offers of this package says what it is: every export, and every member of one.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const dist = (file) => fileURLToPath(new URL(`../dist/${file}`, import.meta.url));

/** What the entries export comes from these. */
const FILES = [
  "abort",
  "client",
  "error",
  "fetch-room",
  "generated/protocol",
  "index",
  "inline",
  "keep",
  "load",
  "node",
  "react/provider",
  "react/use-room",
  "room",
  "types",
].map((file) => `${file}.d.ts`);

const DECLARED = /^export (?:declare )?(?:class|function|interface|type|const) (\w+)/;
const MEMBER = /^ {4}(?:readonly |static |get |set )*(?!constructor|private|protected)([\w$]+|\[Symbol\.\w+\])[?(:<]/;

/** Names declared in this text with no comment above them. */
function undocumented(text) {
  const lines = text.split("\n");
  let owner = "";
  let inner = false;
  return lines.flatMap((line, at) => {
    const declared = DECLARED.exec(line)?.[1];
    if (declared) [owner, inner] = [declared, /\b(class|interface)\b/.test(line)];
    if (line === "}") inner = false;
    const name = declared ?? (inner && MEMBER.exec(line)?.[1]);
    return name && !lines[at - 1]?.trimEnd().endsWith("*/") ? [declared ? name : `${owner}.${name}`] : [];
  });
}

test("every export of every entry, and each of its members, has a comment", () => {
  const missing = FILES.flatMap((file) => undocumented(readFileSync(dist(file), "utf8")).map((name) => `${file}: ${name}`));
  // Exported from files of the package, by no entry.
  assert.deepEqual(missing.filter((name) => !/ Keep\./.test(name)), []);
});

test("a missing comment is found, and no type is `any`", () => {
  const text = "/** One. */\nexport interface A {\n    /** Two. */\n    readonly b: string;\n    c?: number;\n}\nexport type D = 1;\n";
  assert.deepEqual(undocumented(text), ["A.c", "D"]);
  for (const file of [...FILES, "core.d.ts", "pkg/readrealm_sdk.d.ts", "session.d.ts", "room-state.d.ts"]) {
    const code = readFileSync(dist(file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(code, /\bany\b/, file);
  }
});
