import assert from "node:assert/strict";
import { shelf } from "../harness/reader.mjs";
import { speak } from "../harness/speak.mjs";
import { story } from "../harness/story.mjs";
import { until } from "../harness/until.mjs";

const COUNT = 170;
const SPEAKERS = ["Edmond", "Mina", "Van Helsing"];
/** How far what is being read may move while older messages come in. */
const STEADY_PX = 3;

// Of many heights, so that a place kept by luck is not kept.
const lines = Array.from({ length: COUNT }, (_, n) => `Line ${n + 1}${" and one thing more".repeat((n * 7) % 23)}`);

story("a newcomer gets the newest 50, and the older ones by scrolling up", async (stage) => {
  const { mina } = await fullRoom(stage);
  await mina.sees(lines.slice(-50));
  assert.ok(await atEnd(mina), "the newest message is in view at first");

  // A jump near the start, a jump to the very start, then as a wheel does it.
  for (const [top, shown] of [[300, 100], [0, 150]]) {
    const moved = await scrollAndHold(mina, top, shown);
    assert.ok(moved.end <= STEADY_PX, `the first visible message ended ${moved.end} px from where it was`);
    assert.ok(moved.most <= STEADY_PX, `the first visible message was ${moved.most} px off its place for a moment`);
    await mina.sees(lines.slice(-shown));
  }
  await mina.log.hover();
  const wheelUp = async () => {
    await mina.page.mouse.wheel(0, -500);
    return mina.log.getByText("The conversation begins here").isVisible();
  };
  await until("the wheel reaches the first message", wheelUp, true);
  const all = await mina.sees(lines);
  assert.deepEqual(all.map(({ seq }) => seq), lines.map((_, n) => n + 1));
});

story("a message that comes in while one reads further up moves nothing", async (stage) => {
  const { server, mina } = await fullRoom(stage);
  await mina.sees(lines.slice(-50));
  await scrollAndHold(mina, 300, 100);
  const before = await firstVisible(mina);

  const edmond = await stage.reader(server, "Edmond");
  await edmond.enter(shelf.dracula);
  await edmond.write("The newest of all");
  await mina.sees([...lines.slice(-100), "The newest of all"]);
  await mina.page.getByRole("button", { name: "1 new: jump to newest" }).waitFor();
  const after = await firstVisible(mina);
  assert.equal(after.seq, before.seq);
  assert.ok(Math.abs(after.top - before.top) <= STEADY_PX, `message ${after.seq} moved by ${after.top - before.top} px`);

  await mina.jump.click();
  await until("the newest is in view", () => atEnd(mina), true);
  await mina.jump.waitFor({ state: "hidden" });
  // At the end the view follows again.
  await edmond.write("And one more");
  await mina.sees([...lines.slice(-100), "The newest of all", "And one more"]);
  await until("the view follows", () => atEnd(mina), true);
});

async function fullRoom(stage) {
  const server = await stage.server({ store: await stage.store("sqlite") });
  await speak(await stage.reader(server, "the speakers"), shelf.dracula, SPEAKERS, lines);
  const mina = await stage.reader(server, "Mina Murray");
  await mina.enter(shelf.dracula);
  return { server, mina };
}

/**
 * Scrolls to `top` and waits until `shown` messages are there. How far the message that was the first in view then
 * was from its place, in pixels: at the end, and at most over all frames between.
 */
function scrollAndHold(reader, top, shown) {
  return reader.log.evaluate(
    async (log, { top, shown, limit }) => {
      log.scrollTop = top;
      const edge = log.getBoundingClientRect().top;
      const anchor = [...log.querySelectorAll("article")].find((article) => article.getBoundingClientRect().bottom > edge);
      const place = anchor.getBoundingClientRect().top;
      const off = () => Math.abs(anchor.getBoundingClientRect().top - place);
      const frame = () => new Promise(requestAnimationFrame);
      const started = performance.now();
      let most = 0;
      // Some frames beyond the last message, for what settles late.
      for (let after = 0; after < 10; ) {
        await frame();
        most = Math.max(most, off());
        if (log.querySelectorAll("article").length >= shown && log.ariaBusy !== "true") after += 1;
        if (performance.now() - started > limit) throw new Error(`${shown} messages are not there after ${limit} ms`);
      }
      return { end: off(), most };
    },
    { top, shown, limit: 15_000 },
  );
}

function firstVisible(reader) {
  return reader.log.evaluate((log) => {
    const edge = log.getBoundingClientRect().top;
    const first = [...log.querySelectorAll("article")].find((article) => article.getBoundingClientRect().bottom > edge);
    return { seq: first.dataset.seq, top: first.getBoundingClientRect().top };
  });
}

const atEnd = (reader) => reader.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2);
