// What a server counts.

/** The number of one line of /metrics. */
export async function counted(server, line) {
  const numbers = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(numbers.split("\n").find((text) => text.startsWith(`${line} `))?.split(" ")[1] ?? 0);
}
