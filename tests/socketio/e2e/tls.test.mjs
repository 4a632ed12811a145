// The apps of today over TLS: the same words, by both transports, to whoever knows the certificate.

import assert from "node:assert/strict";
import { flags, trust } from "../harness/certificate.mjs";
import { story } from "../harness/stage.mjs";
import { until } from "../../browser/harness/until.mjs";
import { ways } from "../harness/phone.mjs";

for (const way of ["websocket", "upgrade", "polling"]) {
  story(`over TLS, by ${way}`, async (stage) => {
    const server = await stage.server({ flags });
    assert.match(server.origin, /^https:/);
    const [ann, bob] = ["ann", "bob"].map(() => stage.phone(server, { transports: ways[way], ...trust }));
    await ann.join(7, "ann");
    await bob.join(7, "bob");
    ann.emit("chatMessage", { bookId: 7, content: "over TLS" });
    assert.deepEqual(
      (await bob.hearsMessages(1)).map((content) => content),
      ["over TLS"],
    );
    const transport = way === "polling" ? "polling" : "websocket";
    await until("the transport", () => bob.transport, (name) => name === transport);
  });
}

story("who does not know the certificate does not connect, and nobody without TLS", async (stage) => {
  const server = await stage.server({ flags });
  const stranger = stage.phone(server, { reconnection: false });
  const plain = stage.phone({ origin: server.origin.replace("https:", "http:") }, { reconnection: false });
  for (const phone of [stranger, plain]) {
    await until("a refusal", () => phone.refusals.length, (count) => count > 0);
    assert.equal(phone.connects, 0);
  }
});
