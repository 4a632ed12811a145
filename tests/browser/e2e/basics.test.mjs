// What a page owes a browser, a search engine and a slow line, whatever it is about: as Lighthouse would look at it.

import assert from "node:assert/strict";
import { PHONE, shelf } from "../harness/reader.mjs";
import { story } from "../harness/story.mjs";

/** Good by the measure of the Web Vitals. */
const MOST_SHIFT = 0.1;
const DAY_S = 86_400;
/** Of what is reached by a finger, in CSS pixels; axe looks at 24 and at the room around them. */
const FINGER_PX = 32;
const CSS_COLOUR = /^#[0-9a-f]{6}$/;

for (const [size, options] of [["wide", {}], ["phone", PHONE]]) {
  story(`every page has what a page must have (${size})`, async (stage) => {
    const server = await stage.server();
    const alice = await stage.reader(server, "Alice", options);
    await alice.page.addInitScript(() => {
      globalThis.shift = 0;
      const add = (list) => list.getEntries().forEach(({ value, hadRecentInput }) => (globalThis.shift += hadRecentInput ? 0 : value));
      new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
    });
    const titles = [];
    const look = async (where) => titles.push(await sound(alice, where, options === PHONE));

    await alice.openShelf();
    await look("the shelf");
    await alice.page.goto(`${server.origin}/#/book/${shelf.alice.id}`);
    await alice.page.getByRole("button", { name: "Come in" }).waitFor();
    await look("the way in");
    await alice.enterByLink(shelf.alice);
    await alice.write("Who are you?");
    await alice.sees(["Who are you?"]);
    await alice.page.reload();
    await alice.arrived(shelf.alice);
    await look("a room");
    assert.deepEqual(titles.map((title) => title.includes(shelf.alice.title)), [false, true, true], titles.join(", "));
  });
}

story("a browser keeps what is named by its contents, and asks for the rest again", async (stage) => {
  const server = await stage.server();
  const alice = await stage.reader(server, "Alice");
  const answers = new Map();
  alice.page.on("response", (response) => answers.set(new URL(response.url()).pathname, response));
  await alice.enter(shelf.alice);
  const keeping = (path) => answers.get(path).headers()["cache-control"];
  const assets = [...answers.keys()].filter((path) => path.startsWith("/assets/"));
  for (const kind of [/\.js$/, /\.css$/, /\.wasm$/]) assert.ok(assets.some((path) => kind.test(path)), `${kind} in ${assets}`);
  for (const path of assets) {
    assert.match(path, /-[\w-]{8,}\.\w+$/, "named by its contents");
    const [, seconds] = /^public, max-age=(\d+), immutable$/.exec(keeping(path)) ?? [];
    assert.ok(Number(seconds) >= 30 * DAY_S, `${path}: ${keeping(path)}`);
  }
  assert.equal(keeping("/"), "no-cache");
  const missing = await fetch(`${server.origin}/assets/none-12345678.js`);
  assert.deepEqual([missing.status, missing.headers.get("cache-control")], [404, "no-cache"]);

  await alice.page.goto("about:blank");
  await alice.page.goto(`${server.origin}/#/book/${shelf.alice.id}`);
  await alice.arrived(shelf.alice);
  const loaded = await alice.page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name, transferSize }) => [new URL(name).pathname, transferSize]),
  );
  const again = loaded.filter(([path, size]) => path.startsWith("/assets/") && size > 0);
  assert.ok(loaded.length > 2, "it was loaded anew");
  assert.deepEqual(again, [], "loaded from the network again");
});

/** Looks at the page as it stands. Resolves with its title. */
async function sound({ page, origin }, where, byFinger) {
  const found = await page.evaluate(read, FINGER_PX);
  const { title, lang, description, viewport, icon, themes, headings, unsized, small, shift } = found;
  assert.ok(title.length > 3, `${where}: its title is "${title}"`);
  assert.match(lang, /^[a-z]{2}/, where);
  assert.ok(description.length >= 50 && description.length <= 160, `${where}: "${description}"`);
  assert.match(viewport, /width=device-width/, where);
  assert.doesNotMatch(viewport, /user-scalable=no|maximum-scale/, `${where} cannot be made larger`);
  assert.ok(themes.length > 0 && themes.every((colour) => CSS_COLOUR.test(colour)), `${where}: ${themes}`);
  const image = await fetch(new URL(icon, origin));
  assert.ok(image.ok && image.headers.get("content-type").startsWith("image/"), `${where}: the icon ${icon}`);

  assert.deepEqual(headings.filter(({ level }) => level === 1).length, 1, `${where}: ${JSON.stringify(headings)}`);
  for (const [index, { level, text }] of headings.entries()) {
    assert.ok(level <= (headings[index - 1]?.level ?? level) + 1, `${where}: "${text}" skips a level`);
  }
  assert.deepEqual(unsized, [], `${where}: images without a size of their own`);
  if (byFinger) assert.deepEqual(small, [], `${where}: too small for a finger`);
  assert.ok(shift < MOST_SHIFT, `${where} moved by ${shift} as it was loaded`);
  return title;

  // In the browser.
  function read(finger) {
    const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
    const all = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
    const told = (element) => element.outerHTML.slice(0, 100);
    const within = (element) => element.closest("p, article") !== null;
    return {
      title: document.title,
      lang: document.documentElement.lang,
      description: meta("description"),
      viewport: meta("viewport"),
      icon: document.querySelector("link[rel=icon]")?.getAttribute("href") ?? "",
      themes: [...document.querySelectorAll("meta[name=theme-color]")].map(({ content }) => content),
      headings: all("h1, h2, h3, h4, h5, h6").map((heading) => ({ level: Number(heading.tagName[1]), text: heading.textContent })),
      // Known before it is loaded, or drawn: by attributes, or by a box that its drawing does not decide.
      unsized: all("img, svg, video").filter((image) => {
        const { width, height } = image.getBoundingClientRect();
        const named = image.hasAttribute("width") && image.hasAttribute("height");
        return width === 0 || height === 0 || !(named || image.hasAttribute("viewBox"));
      }).map(told),
      small: all("a, button, input, textarea").filter((target) => {
        const { width, height } = target.getBoundingClientRect();
        return !within(target) && Math.min(width, height) < finger && !target.matches(".skip-link");
      }).map(told),
      shift: globalThis.shift,
    };
  }
}
