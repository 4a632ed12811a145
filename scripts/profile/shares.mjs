// What part of the samples lies where. Pure.

/** Folded stacks, one a line: frames from the outermost inwards with `;` between them, then how often they were seen. */
export function read(folded) {
  return folded
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const at = line.lastIndexOf(" ");
      return { frames: line.slice(0, at).split(";"), count: Number(line.slice(at + 1)) };
    });
}

/** The part of the samples whose stack matches the first pattern that fits it, by name; the rest is `else`. */
export function shares(stacks, parts) {
  const total = stacks.reduce((sum, { count }) => sum + count, 0);
  const found = Object.fromEntries([...parts.map(([name]) => [name, 0]), ["else", 0]]);
  for (const { frames, count } of stacks) {
    const part = parts.find(([, pattern]) => frames.some((frame) => pattern.test(frame)));
    found[part?.[0] ?? "else"] += count;
  }
  return Object.entries(found).map(([name, count]) => ({ name, share: total === 0 ? 0 : count / total }));
}
