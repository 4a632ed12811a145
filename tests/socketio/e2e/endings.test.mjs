// How connections end, and that their clients come back.

import assert from "node:assert/strict";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";

story("a server that drains lets its clients go one by one, and they come back to the next", async (stage) => {
  const store = await stage.store("sqlite");
  const server = await stage.server({ store });
  const phones = Array.from({ length: 24 }, (_, n) => stage.phone(server, { transports: Object.values(ways)[n % 3] }));
  for (const [n, phone] of phones.entries()) await phone.join(1, `u${n}`);
  const ended = [];
  const begin = Date.now();
  for (const phone of phones) phone.socket.on("disconnect", (reason) => ended.push([Date.now() - begin, reason]));
  await server.drain();
  await until("all were let go", () => ended.length, phones.length);
  assert.ok(ended.every(([, reason]) => reason !== "io server disconnect"), String(ended));
  const times = ended.map(([at]) => at);
  assert.ok(Math.max(...times) - Math.min(...times) > 1_500, `they end over some seconds: ${times}`);
  assert.ok(Math.max(...times) < 9_000, `${times}`);
  const again = await stage.server({ store, listen: new URL(server.origin).host });
  await until("all are back", () => phones.every(({ connects }) => connects === 2), true);
  assert.equal(again.origin, server.origin);
});
