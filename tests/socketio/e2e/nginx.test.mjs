// The example for nginx in docs/operate.md: nginx takes it, both transports go through it, and servers behind it can be restarted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import WebSocket from "ws";
import { trust } from "../harness/certificate.mjs";
import { Commuter } from "../harness/commuter.mjs";
import { Nginx, program } from "../harness/nginx.mjs";
import { Phone, ways } from "../harness/phone.mjs";
import { story } from "../harness/stage.mjs";
import { until, within } from "../../browser/harness/until.mjs";

const FLAGS = ["--trust-proxy", "127.0.0.1", "--allow-anonymous"];
/** The longest that an app may be away, or wait for a callback. */
const AWAY_MS = 5_000;

const host = (server) => new URL(server.origin).host;

/** All that is stored of the commuters' room. */
async function history(origin) {
  const all = [];
  for (let before = ""; ; before = `&before=${all.at(-1).seq}`) {
    const page = await fetch(`${origin}/rooms/${Commuter.BOOK}/messages?limit=100${before}`);
    const { messages } = await page.json();
    all.push(...messages);
    if (messages.length < 100) return all;
  }
}

if (!program) test.skip("the example for nginx", "nginx is not installed");
else {
  story("the example for nginx is taken by it, and serves both transports", async (stage) => {
    const server = await stage.server({ flags: FLAGS });
    const nginx = stage.keep(await Nginx.start(host(server)));
    for (const path of ["/metrics", "/admin/revocations"]) assert.equal(await nginx.status(path), 404, path);

    const socket = stage.keep(new WebSocket(`${nginx.origin.replace("https", "wss")}/ws`, trust));
    const heard = [];
    socket.on("message", (data) => heard.push(JSON.parse(data).event));
    await within("a WebSocket", new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject)));
    socket.send('{"event":"joinRoom","id":1,"data":{"bookId":7,"userId":"ann"}}');
    socket.send('{"event":"message","id":2,"data":{"bookId":7,"content":"through nginx"}}');
    await until("an answer", () => heard, (events) => events.includes("ack"));

    for (const way of ["websocket", "polling"]) {
      const phone = stage.keep(new Phone(nginx.origin, { transports: ways[way], ...trust }));
      const [previous] = await phone.join(7, `bob by ${way}`);
      assert.equal(previous.content, "through nginx");
    }
  });

  story("servers behind it are restarted one after the other, and no app is away for five seconds or loses what was taken", async (stage) => {
    const store = await stage.store("mongod");
    const flags = [...FLAGS, "--drain-delay", "200ms", "--drain-timeout", "5s"];
    const nodes = [await stage.server({ store, flags }), await stage.server({ store, flags })];
    const nginx = stage.keep(await Nginx.start(...nodes.map(host)));
    const crowd = ["websocket", "websocket", "upgrade", "polling"].flatMap((way) => [1, 2].map((n) => stage.keep(new Commuter(nginx.origin, ways[way], `${way} ${n}`))));
    for (const commuter of crowd) await commuter.talks(3);

    for (const [index, node] of nodes.entries()) {
      await node.drain();
      const listen = host(node);
      nodes[index] = await stage.server({ store, listen, flags });
      const before = crowd.map(({ taken }) => taken.length);
      for (const [n, commuter] of crowd.entries()) await commuter.talks(before[n] + 3);
      await pause(500);
    }
    for (const commuter of crowd) await commuter.stop();

    const stored = new Map((await history(nodes[0].origin)).map(({ seq, content }) => [seq, content]));
    for (const { taken, absences, waits, seqs, phone } of crowd) {
      for (const { content, seq } of taken) assert.equal(stored.get(seq), content);
      assert.ok(Math.max(0, ...absences) < AWAY_MS, `away for ${absences} ms`);
      assert.ok(Math.max(...waits) < AWAY_MS, `waited for ${waits} ms`);
      assert.ok(seqs.every((seq, n) => n === 0 || seq > seqs[n - 1]), `in order, and once: ${seqs}`);
      assert.deepEqual(phone.all("exception"), []);
    }
    // Once or twice: nginx decides where they begin.
    assert.ok(crowd.every(({ absences }) => absences.length > 0), "everybody was moved");
    const all = crowd.flatMap(({ absences }) => absences);
    console.log(`${crowd.length} apps, ${crowd.flatMap(({ taken }) => taken).length} sends taken, ${all.length} absences, the longest ${Math.max(...all)} ms`);
  });
}
