// No first packet is lost: clients that ask to be let in and join in one breath.

import assert from "node:assert/strict";
import { Engine } from "../harness/engine.mjs";
import { ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";

const CLIENTS = 2_000;
const AT_ONCE = 100;

story(`${CLIENTS} clients that join before they hear anything are all in`, async (stage) => {
  const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
  for (let begun = 0; begun < CLIENTS; begun += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, async (_, n) => {
      const userId = `u${begun + n}`;
      // Both at once: the join is there when the engine first looks.
      const join = `42${JSON.stringify(["joinRoom", { bookId: n, userId, username: userId }])}`;
      const client = await Engine.open(server.origin, ["40", join]);
      await client.hears((packet) => packet.startsWith('42["previousMessages"'));
      assert.match(client.packets.find((packet) => packet.startsWith("4")), /^40\{"sid":/, "it is let in first");
      client.close();
    });
    await Promise.all(batch);
  }
});

const OFFICIAL = 240;
const VERSIONS = [4, 3, 2];

for (const [way, transports] of Object.entries(ways)) {
  story(`${OFFICIAL} official clients that join before they are connected are all in, by ${way}`, async (stage) => {
    const server = await stage.server({ flags: ["--max-connections-per-address", "0"] });
    for (let begun = 0; begun < OFFICIAL; begun += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, OFFICIAL - begun) }, async (_, n) => {
        const phone = stage.phone(server, { transports, version: VERSIONS[n % VERSIONS.length] });
        assert.deepEqual(await phone.join(begun + n, `u${n}`), []);
        assert.deepEqual(phone.all("exception"), []);
        phone.close();
      });
      await Promise.all(batch);
    }
  });
}
