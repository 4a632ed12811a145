// Running other programs: asked for an answer, worked through quietly inside a step, or shown as they go.

import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants as mode } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Stop } from "./say.mjs";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const targetDir = process.env.CARGO_TARGET_DIR || join(root, "target");

/** The first of `names` that can be run, as a full path; a name with a slash is taken as it stands. */
export function which(...names) {
  for (const name of names.filter(Boolean)) {
    const places = name.includes("/") ? [""] : process.env.PATH.split(delimiter);
    for (const place of places) {
      try {
        accessSync(join(place, name), mode.X_OK);
        return join(place, name);
      } catch {
        // Not here: the next place.
      }
    }
  }
}

/** What a short command prints, or undefined where it fails or does not exist. */
export function ask(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 20_000, ...options });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Runs to the end and resolves with the exit code, or the reason where there is none. Every line goes to `onLine`,
 * colours removed; `show` also passes the output through as it comes. After `timeout` milliseconds it is ended.
 */
export function run(command, args, { onLine = () => {}, show = false, timeout, ...options } = {}) {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it started can be ended with it.
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options, detached: true });
    enter(child);
    const tooLong = timeout && setTimeout(() => end(child, "SIGKILL"), timeout);
    for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      let rest = "";
      from.setEncoding("utf8").on("data", (text) => {
        if (show) to.write(text);
        const lines = (rest + text).split(/\r?\n|\r/);
        rest = lines.pop();
        for (const line of lines) onLine(plain(line));
      });
      from.on("end", () => rest && onLine(plain(rest)));
    }
    child.on("error", (error) => {
      leave(child);
      reject(new Stop(`${command} cannot be run: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      clearTimeout(tooLong);
      leave(child);
      resolve(code ?? `ended by ${signal}`);
    });
  });
}

/** As `run`, but a failure throws a `Stop`. Without `show` it is silent until then, and its last lines are the message. */
export async function work(command, args, { note = () => {}, ...options } = {}) {
  const tail = [];
  const onLine = (line) => {
    if (!line.trim()) return;
    note(line);
    tail.push(`  | ${line}`);
    if (tail.length > 30) tail.shift();
  };
  const code = await run(command, args, { onLine, ...options });
  if (code === 0) return;
  const failed = `${[command, ...args].join(" ")} failed (${code}).`;
  throw new Stop(options.show ? failed : [...tail, failed].join("\n"));
}

/** A command with as many open files as the system lets it have: 10,000 connections are as many, on either side. */
export const withFiles = (command, args) => ["sh", ["-c", 'ulimit -n "$(ulimit -H -n)"; exec "$@"', "sh", command, ...args]];

const COLOUR = /\x1b\[[0-9;]*[A-Za-z]/g;
const plain = (text) => text.replace(COLOUR, "");

const running = new Set();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

// While something runs, a signal to this process ends that too.
function enter(child) {
  if (running.size === 0) for (const signal of SIGNALS) process.on(signal, endAll);
  running.add(child);
}

function leave(child) {
  running.delete(child);
  if (running.size === 0) for (const signal of SIGNALS) process.off(signal, endAll);
}

function endAll(signal) {
  for (const child of running) end(child, "SIGTERM");
  process.exit(128 + constants.signals[signal]);
}

function end(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It ended by itself a moment ago.
  }
}
