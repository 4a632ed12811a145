import assert from "node:assert/strict";
import { PHONE, shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";

story("the titles on the covers stay within their covers", async (stage) => {
  const server = await stage.server();
  for (const [size, options] of [["wide", {}], ["phone", PHONE]]) {
    const alice = await stage.reader(server, "Alice", options);
    await alice.openShelf();
    const wider = await alice.page.locator(".cover-lettering").evaluateAll((all) =>
      all.filter((box) => box.scrollWidth > box.clientWidth).map((box) => `${box.innerText.split("\n")[0]}: ${box.scrollWidth} px in ${box.clientWidth}`),
    );
    assert.deepEqual(wider, [], `covers on the ${size} shelf`);
  }
});

story("the time of a message that is pointed at stands beside its words", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const edmond = await stage.reader(server, "Edmond");
  await alice.enter(shelf.alice);
  await edmond.enter(shelf.alice);
  for (const text of ["First of a run", "Second of the run"]) await alice.write(text);
  for (const reader of [alice, edmond]) {
    await reader.sees(["First of a run", "Second of the run"]);
    const second = reader.log.getByRole("article").nth(1);
    await second.hover();
    const time = await second.locator("time").boundingBox();
    const words = await second.getByTestId("content").boundingBox();
    const apart = time.x + time.width <= words.x || words.x + words.width <= time.x || time.y + time.height <= words.y;
    assert.ok(apart, `${reader.name}: the time at ${JSON.stringify(time)} lies on the words at ${JSON.stringify(words)}`);
  }
});
