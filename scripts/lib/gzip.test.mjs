import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { compress } from "./gzip.mjs";

test("what is worth it is compressed beside itself, and nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "readrealm-gzip-"));
  try {
    mkdirSync(join(folder, "sdk/pkg"), { recursive: true });
    const long = "the same words again and again\n".repeat(100);
    for (const name of ["index.html", "sdk/index.js", "sdk/pkg/sdk_bg.wasm", "cover.png", "sdk/index.d.ts"]) {
      writeFileSync(join(folder, name), long);
    }
    writeFileSync(join(folder, "short.js"), "export {};");
    assert.equal(compress(folder), 3);
    const names = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".gz"));
    assert.deepEqual(names.sort(), ["index.html.gz", "sdk/index.js.gz", "sdk/pkg/sdk_bg.wasm.gz"]);
    for (const name of names) {
      const bytes = readFileSync(join(folder, name));
      assert.ok(bytes.length < 200);
      assert.equal(gunzipSync(bytes).toString(), long);
    }
    assert.equal(compress(folder), 3, "what was compressed before is compressed anew");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
