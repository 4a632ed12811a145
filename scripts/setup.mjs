// npm run setup [-- TOOL...]: installs what the other commands would install when they need it.
// With --env it prints the result as shell lines: eval "$(node scripts/setup.mjs --env)".

import { main, say, secondsSince, Stop } from "./lib/say.mjs";
import { prepare, toolNames } from "./setup/index.mjs";

await main(import.meta, async (args) => {
  const start = Date.now();
  const forShell = args[0] === "--env";
  const wanted = forShell ? args.slice(1) : args;
  const unknown = wanted.find((name) => !toolNames.includes(name));
  if (unknown) throw new Stop(`There is no tool ${unknown}; choose from ${toolNames.join(", ")}.`);
  // The lines for the shell own stdout.
  if (forShell) console.log = console.error;
  const env = await prepare(wanted.length > 0 ? wanted : toolNames);
  if (forShell) {
    for (const name of ["PATH", "MONGOD", "CHROME", "CHROMEDRIVER"]) {
      if (env[name]) process.stdout.write(`export ${name}='${env[name]}'\n`);
    }
  }
  say("setup", `ready (${secondsSince(start)})`);
});
