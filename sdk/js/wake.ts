/** Calls `wake` when the page may have slept: back on the network, back in view, back from the history. */
export function onWake(wake: () => void): () => void {
  // Node and workers have no page.
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const visible = () => document.visibilityState === "visible" && wake();
  const shown = (event: PageTransitionEvent) => event.persisted && wake();
  window.addEventListener("online", wake);
  window.addEventListener("pageshow", shown);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", wake);
    window.removeEventListener("pageshow", shown);
    document.removeEventListener("visibilitychange", visible);
  };
}
