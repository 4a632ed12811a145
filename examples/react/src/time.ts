import { useEffect, useState } from "react";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
// In the language of the page, unlike the clock, which follows the reader's habits.
const thisYear = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const otherYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });

const DAY_MS = 86_400_000;

export function clockTime(date: Date): string {
  return clock.format(date);
}

/** "just now", "5 min ago"; after an hour the time of day. */
export function timeAgo(date: Date, now: number): string {
  const minutes = Math.floor((now - date.getTime()) / 60_000);
  // A clock that is behind the server's puts what was just written into the future.
  if (minutes < 1) return "just now";
  return minutes < 60 ? `${minutes} min ago` : clockTime(date);
}

export function fullTime(date: Date): string {
  return full.format(date);
}

export function startOfDay(date: Date): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

export function dayName(day: Date, today: Date): string {
  // Rounded, because a day on which the clocks change has 23 or 25 hours.
  const daysAgo = Math.round((startOfDay(today).getTime() - startOfDay(day).getTime()) / DAY_MS);
  if (daysAgo === 0) return "Today";
  if (daysAgo === 1) return "Yesterday";
  return (day.getFullYear() === today.getFullYear() ? thisYear : otherYear).format(day);
}

/** Changes at midnight, so that "Today" does not outlive its day in a page left open. */
export function useToday(): Date {
  const [today, setToday] = useState(() => startOfDay(new Date()));
  useEffect(() => {
    const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1);
    const timer = setTimeout(() => setToday(startOfDay(new Date())), midnight.getTime() - Date.now() + 1000);
    return () => clearTimeout(timer);
  }, [today]);
  return today;
}
