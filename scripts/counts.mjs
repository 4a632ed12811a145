// npm run counts [-- --update [NAME...]]: the instructions that the parts of a message's way take, beside those stored in
// bench/counts.json. --update stores those that are more than 5 % off, and those that are named; the rest stays as it was.

import { failed, judge, differences, updated } from "./counts/judge.mjs";
import { build, count, missing, place, store, stored } from "./counts/measure.mjs";
import { Stop, main, step } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

async function counts(flags) {
  const [update, ...named] = flags;
  if (update !== undefined && update !== "--update") throw new Stop(`There is no flag ${update}; --update [NAME...] stores what is counted.`);
  await prepare(["valgrind"]);
  const why = missing();
  if (why) throw new Stop(why);
  await step("counts", "compiling (the first time takes minutes)", build);
  const counted = await step("counts", "counting", count);
  const before = stored();
  const elsewhere = differences(place(), before.taken);
  if (update) {
    const unknown = named.find((name) => !(name in counted));
    if (unknown) throw new Stop(`Nothing counted is called ${unknown}: ${Object.keys(counted).join(", ")}.`);
    // Of another compiler or libc, no count means anything beside the stored ones.
    return store(elsewhere.length > 0 ? counted : updated(counted, before.counts, named));
  }
  const rows = judge(counted, before.counts);
  for (const { says } of rows) console.log(says);
  if (elsewhere.length === 0) return rows.some(failed) ? 1 : 0;
  console.log(`\nNot judged: ${elsewhere.join("; ")}.`);
}

await main(import.meta, counts);
