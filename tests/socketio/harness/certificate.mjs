// A certificate of localhost that is its own authority, and its key, which are used for nothing but tests.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = (name) => fileURLToPath(new URL(`../../tests/tls/for-tests-only-1.${name}.pem`, import.meta.url));

export const files = { cert: file("cert"), key: file("key") };

/** The server speaks TLS alone. */
export const flags = ["--tls-cert", files.cert, "--tls-key", files.key];

/** A client trusts that certificate and no other, whatever address it connects to. */
export const trust = { ca: readFileSync(files.cert), servername: "localhost", checkServerIdentity: () => undefined };
