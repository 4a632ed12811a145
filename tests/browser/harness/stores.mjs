// Where a server keeps its log: a file, or a real mongod that is a replica set of one.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { mongodBinary } from "./needs.mjs";
import { Process } from "./process.mjs";
import { until } from "./until.mjs";

/** Each opens to `{url, close}`: what `--store` is given, and how to be rid of it. */
export const stores = { memory: openMemory, sqlite: openSqlite, mongod: openMongod };

async function openMemory() {
  return { url: "memory:", close: async () => {} };
}

async function openSqlite() {
  const folder = await temporary();
  return { url: `sqlite:${join(folder, "log.db")}`, close: () => remove(folder) };
}

async function openMongod() {
  const running = process.env.READREALM_TEST_MONGODB;
  if (!process.env.MONGOD && running) return openDatabase(running);
  const program = mongodBinary();
  const folder = await temporary();
  const { mongod, port } = await startMongod(program, folder);
  await initiate(port);
  const close = async () => {
    await mongod.end();
    await remove(folder);
  };
  return { url: `mongodb://127.0.0.1:${port}/readrealm?replicaSet=browser`, close };
}

/** A database of its own in a deployment that runs already. */
function openDatabase(running) {
  // Not for `new URL`, which refuses the several hosts of a replica set.
  const [, hosts, options] = /^(\w+:\/\/[^/?]+)[^?]*(.*)$/.exec(running);
  const url = `${hosts}/readrealm_browser_${process.pid}_${Date.now()}${options}`;
  const close = async () => {
    const client = await MongoClient.connect(url);
    await client.db().dropDatabase();
    await client.close();
  };
  return { url, close };
}

async function startMongod(program, folder) {
  const memory = ["--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"];
  for (let tries = 1; ; tries++) {
    // Between finding a free port and taking it somebody else may: then with another one.
    const port = await freePort();
    const args = ["--dbpath", folder, "--bind_ip", "127.0.0.1", "--port", String(port), "--replSet", "browser", "--nounixsocket"];
    try {
      return { mongod: await Process.start("mongod", program, [...args, ...memory], /Waiting for connections/), port };
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

async function initiate(port) {
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`);
  try {
    const admin = client.db("admin");
    await admin.command({ replSetInitiate: { _id: "browser", members: [{ _id: 0, host: `127.0.0.1:${port}` }] } });
    const isPrimary = async () => (await admin.command({ hello: 1 })).isWritablePrimary;
    await until("the replica set has a primary", isPrimary, true);
  } finally {
    await client.close();
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const temporary = () => mkdtemp(join(tmpdir(), "readrealm-browser-"));
const remove = (folder) => rm(folder, { recursive: true, force: true });
