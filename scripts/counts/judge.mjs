// Instruction counts against those that are stored. Pure.

/** A count may be so much above or below the stored one. */
export const TOLERANCE = 0.05;

export const UPDATE = "npm run counts -- --update";

/** What differs of the places that counts were taken at: they are only alike where everything is. */
export function differences(here, there) {
  return Object.keys({ ...here, ...there })
    .filter((what) => here[what] !== there[what])
    .map((what) => `${what} is ${here[what] ?? "unknown"}, and was ${there[what] ?? "unknown"}`);
}

/** What to store: what is new, gone or outside the tolerance, and what is named. All else keeps its stored count, or it could creep. */
export function updated(counted, stored, named = []) {
  const rows = judge(counted, stored).filter(({ verdict }) => verdict !== "gone");
  return Object.fromEntries(rows.map((row) => [row.name, row.verdict === "fine" && !named.includes(row.name) ? row.stored : row.count]));
}

/** One row for each benchmark that was counted or is stored: `verdict` is fine, better, worse, new or gone. */
export function judge(counted, stored) {
  const names = [...new Set([...Object.keys(stored), ...Object.keys(counted)])];
  return names.map((name) => row(name, counted[name], stored[name]));
}

function row(name, count, stored) {
  if (count === undefined) return { name, stored, verdict: "gone", says: `${name} was not counted; it is stored in bench/counts.json` };
  if (stored === undefined) return { name, count, verdict: "new", says: `${name} is not stored yet: ${UPDATE}` };
  const change = (count - stored) / stored;
  const says = `${name}: ${grouped(count)} instructions, ${percent(change)} of ${grouped(stored)}`;
  if (change > TOLERANCE) return { name, count, stored, change, verdict: "worse", says: `${says}; ${TOLERANCE * 100} % more are borne` };
  if (change < -TOLERANCE) return { name, count, stored, change, verdict: "better", says: `${says}; better: store it with ${UPDATE}` };
  return { name, count, stored, change, verdict: "fine", says };
}

export const failed = ({ verdict }) => verdict === "worse" || verdict === "new" || verdict === "gone";

const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
const percent = (change) => `${change < 0 ? "-" : "+"}${Math.abs(100 * change).toFixed(1)} %`;
