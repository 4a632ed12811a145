// The tokens that are refused, out of the table that the tests of /ws read as well: tests/tests/auth/bad-tokens.json.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { SECRET } from "./server.mjs";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const fromNow = (seconds) => Math.floor(Date.now() / 1000) + seconds;

/** Each with `what` it is, a part of what it `says`, the `close` code at /ws, the `audience` of the server that is asked, and the `token`. */
export function badTokens() {
  const table = JSON.parse(readFileSync(new URL("../../tests/auth/bad-tokens.json", import.meta.url), "utf8"));
  return table.map((bad) => ({ close: 4101, ...bad, token: mint(bad) }));
}

/** A token of ann's for an hour, but for what is said. */
export function mint({ token, header = { alg: "HS256", typ: "JWT" }, payload, key = SECRET, unsigned, signatureOf, append = 0, ...bad }) {
  if (token !== undefined) return token;
  const sign = (claims) => {
    const message = `${part(header)}.${part(claims)}`;
    return [message, createHmac("sha256", key).update(message).digest("base64url")];
  };
  const [message, own] = sign(payload ?? claimsOf(bad));
  const signature = signatureOf ? sign(claimsOf({ claims: signatureOf }))[1] : own;
  return `${message}.${unsigned ? "" : signature}${"A".repeat(append)}`;
}

function claimsOf({ claims = {}, in: seconds = {}, without, repeat }) {
  const all = { sub: "ann", exp: fromNow(3_600), ...claims };
  for (const [name, text] of Object.entries(claims)) if (repeat && typeof text === "string") all[name] = text.repeat(repeat);
  for (const [name, value] of Object.entries(seconds)) all[name] = fromNow(value);
  delete all[without];
  return all;
}
