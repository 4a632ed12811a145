import assert from "node:assert/strict";
import { test } from "node:test";
import { read, shares } from "./shares.mjs";

const FOLDED = "rt;poll<a, b>;write;tcp_sendmsg;tcp_v4_rcv 6\nrt;poll<a, b>;write 2\nrt;fold 1\nrt 1\n";

test("frames may have spaces, and a stack counts once, for the first part that fits", () => {
  const stacks = read(FOLDED);
  assert.deepEqual(stacks[0].frames, ["rt", "poll<a, b>", "write", "tcp_sendmsg", "tcp_v4_rcv"]);
  const parts = shares(stacks, [
    ["receiving", /^tcp_v4_rcv$/],
    ["sending", /^(write|tcp_sendmsg)$/],
    ["fold", /^fold$/],
  ]);
  assert.deepEqual(parts, [
    { name: "receiving", share: 0.6 },
    { name: "sending", share: 0.2 },
    { name: "fold", share: 0.1 },
    { name: "else", share: 0.1 },
  ]);
});

test("no samples are no share of anything", () => {
  assert.deepEqual(shares(read(""), [["a", /a/]]), [{ name: "a", share: 0 }, { name: "else", share: 0 }]);
});
