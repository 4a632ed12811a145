// Files of a page, compressed once when it is built: the server hands out the `.gz` beside a file to whoever takes it.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const WORTH_IT = /\.(?:js|css|html|wasm|svg)$/;

/** A smaller one goes in one packet as it is. */
const BYTES = 1024;

/** Writes a `.gz` beside each file below `folder` that is worth it, and returns how many. */
export function compress(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  const worth = files.filter((file) => file.isFile() && WORTH_IT.test(file.name));
  const written = worth.filter(({ parentPath, path, name }) => {
    const file = join(parentPath ?? path, name);
    const bytes = readFileSync(file);
    if (bytes.length < BYTES) return false;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    return true;
  });
  return written.length;
}
