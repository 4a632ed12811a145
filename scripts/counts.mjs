// npm run counts [-- --update]: the instructions that the parts of a message's way take, beside those stored in bench/counts.json.

import { failed, judge, differences } from "./counts/judge.mjs";
import { build, count, missing, place, store, stored } from "./counts/measure.mjs";
import { Stop, main, step } from "./lib/say.mjs";
import { prepare } from "./setup/index.mjs";

async function counts(flags) {
  const unknown = flags.find((flag) => flag !== "--update");
  if (unknown) throw new Stop(`There is no flag ${unknown}; --update stores what is counted.`);
  await prepare(["valgrind"]);
  const why = missing();
  if (why) throw new Stop(why);
  await step("counts", "compiling (the first time takes minutes)", build);
  const counted = await step("counts", "counting", count);
  if (flags.includes("--update")) return store(counted);

  const before = stored();
  const elsewhere = differences(place(), before.taken);
  const rows = judge(counted, before.counts);
  for (const { says } of rows) console.log(says);
  if (elsewhere.length === 0) return rows.some(failed) ? 1 : 0;
  console.log(`\nNot judged: ${elsewhere.join("; ")}.`);
}

await main(import.meta, counts);
