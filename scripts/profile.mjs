// npm run profile [-- SCENARIO [FLAG...]]: where the server's time goes in a scenario of `npm run bench`, in per cent and as a
// flame graph in docs/performance/SCENARIO.svg. Needs perf, and to be root or kernel.perf_event_paranoid at 1.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root, run, targetDir, which, withFiles, work } from "./lib/process.mjs";
import { Stop, main, step } from "./lib/say.mjs";
import { read, shares } from "./profile/shares.mjs";
import { prepare } from "./setup/index.mjs";

const USUAL = [["--only", "ours-sqlite"], ["--rounds", "1"], ["--seconds", "20"]];

const PATIENCE_MS = 60_000;

// From the inside out: what stands below another in a stack comes first. The kernel hands a packet over loopback to its receiver
// within the write of its sender.
const PARTS = [
  ["the receivers' side, within the write: loopback, TCP, waking who reads", /^(__netif_receive_skb|process_backlog|tcp_v4_rcv)/],
  ["the senders' side of TCP and IP", /^(tcp_sendmsg|tcp_write_xmit|__tcp_push_pending_frames|tcp_push)/],
  ["the rest of a write in the kernel", /^(__x64_sys_(write|writev|sendto|sendmsg)|ksys_write|do_writev|__sys_sendto)/],
  ["reading and waiting for sockets in the kernel", /^(__x64_sys_(epoll|recv|read)|ksys_read|do_epoll|ep_)/],
  ["putting threads to sleep and waking them", /futex/],
  ["other calls of the kernel, and its interrupts", /^(do_syscall_64|asm_sysvec|entry_SYSCALL)/],
  ["SQLite, MongoDB's driver", /sqlite|mongodb|bson/i],
  ["WebSocket frames and sockets", /readrealm_server::transport/],
  ["the connection: its queue, limits, spans", /readrealm_server::connection/],
  ["the room: order, JSON, who is to be told", /readrealm_server::(room|hub|log|fanout)/],
  ["the runtime", /tokio/],
];

async function profile([scenario = "deliver", ...flags]) {
  const env = await prepare(["mongod", "inferno"]);
  if (!which("perf")) throw new Stop("perf is missing (apt-get install linux-perf).");
  await step("profile", "compiling (the first time takes minutes)", (note) =>
    work("cargo", ["build", "--release", "-p", "readrealm-server", "-p", "readrealm-bench"], { note }),
  );
  const scratch = mkdtempSync(join(tmpdir(), "readrealm-profile-"));
  try {
    const samples = join(scratch, "samples");
    env.PROFILE_SAMPLES = samples;
    env.PROFILE_SERVER = env.READREALM_SERVER || join(targetDir, "release/readrealm-server");
    env.READREALM_SERVER = join(root, "scripts/profile/server.sh");
    const usual = USUAL.filter(([flag]) => !flags.includes(flag)).flat();
    const peers = ["peers", "--scenario", scenario, ...usual, ...flags];
    const code = await run(...withFiles(join(targetDir, "release/readrealm-bench"), peers), { env, show: true });
    if (code !== 0) throw new Stop(`The scenario ${scenario} failed (${code}).`);
    await ended(Number(readFileSync(`${samples}.pid`, "utf8")));
    const folded = await step("profile", "reading the samples", () => fold(samples, scratch, env));
    const svg = join(root, `docs/performance/${scenario}.svg`);
    const draw = `inferno-flamegraph --title "readrealm-server, ${scenario}" --countname ns --minwidth 0.4 "${folded}" > "${svg}"`;
    await work("sh", ["-c", draw], { env });
    writeFileSync(svg, short(readFileSync(svg, "utf8")));
    const stacks = read(readFileSync(folded, "utf8"));
    const seconds = stacks.reduce((sum, { count }) => sum + count, 0) / 1e9;
    console.log(`${seconds.toFixed(2)} s of the server's processor time, sampled 997 times a second`);
    for (const { name, share } of shares(stacks, PARTS)) console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${name}`);
    console.log(`written to docs/performance/${scenario}.svg`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The profiler writes on for a moment when what it looked at has ended. */
async function ended(pid) {
  const deadline = Date.now() + PATIENCE_MS;
  while (lives(pid)) {
    if (Date.now() > deadline) throw new Stop(`perf (process ${pid}) does not end.`);
    await sleep(100);
  }
}

/** Not a zombie, either, which stays where nobody reaps it. */
function lives(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^\) Z /.test(stat.slice(stat.lastIndexOf(")")));
  } catch {
    return false;
  }
}

async function fold(samples, scratch, env) {
  const folded = join(scratch, "folded");
  const script = `perf script --no-inline --input "${samples}" 2>/dev/null | inferno-collapse-perf > "${folded}"`;
  await work("sh", ["-c", script], { env });
  if (read(readFileSync(folded, "utf8")).length === 0) {
    throw new Stop(`perf took no samples: ${readFileSync(`${samples}.log`, "utf8").trim()}`);
  }
  return folded;
}

/** Names of generic functions are longer than what they say. */
const short = (svg) => svg.replace(/<title>([^<]{200})[^<]*?( \([\d,.]+ ns, [\d.]+%\))<\/title>/g, "<title>$1…$2</title>");

await main(import.meta, profile);
