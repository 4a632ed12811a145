// Test runners say in their last lines how many tests passed and failed; this reads it off.

const CLOSING_LINES = [
  // cargo test, and wasm-bindgen's runner in the browser.
  { pattern: /^\s*test result: \w+\. (\d+) passed; (\d+) failed;/, read: ([, passed, failed]) => [passed, failed] },
  // node --test, both reporters.
  { pattern: /^(?:#|ℹ) pass (\d+)$/, read: ([, passed]) => [passed, 0] },
  { pattern: /^(?:#|ℹ) (?:fail|cancelled) (\d+)$/, read: ([, failed]) => [0, failed] },
  // Vitest.
  { pattern: /^\s*Tests\s+(?:(\d+) failed\s*\|\s*)?(?:(\d+) passed)?/, read: ([, failed, passed]) => [passed, failed] },
];

/** `{passed, failed}` where the line is a runner's closing line, else undefined. */
export function countLine(line) {
  for (const { pattern, read } of CLOSING_LINES) {
    const match = line.match(pattern);
    if (!match) continue;
    const [passed, failed] = read(match).map((digits) => Number(digits ?? 0));
    return { passed, failed };
  }
}

const SKIPPED_LINES = [
  // node --test, both reporters; the reason stands where one is given.
  /^\s*﹣ (?<test>.+?) \([\d.]+ms\) # (?<why>.+)$/,
  /^\s*ok \d+ - (?<test>.+?) # SKIP ?(?<why>.*)$/,
  // cargo test.
  /^test (?<test>\S+)(?: - should panic)? \.\.\. ignored(?:, (?<why>.+))?$/,
];

/** What was skipped and why, in words, where the line says so of a test, else undefined. */
export function skipLine(line) {
  for (const pattern of SKIPPED_LINES) {
    const { test, why } = line.match(pattern)?.groups ?? {};
    if (test) return why && why !== "SKIP" ? `${test} (${why})` : test;
  }
}
