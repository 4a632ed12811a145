import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

import { local, recall, remember } from "./storage";

type Theme = "light" | "dark";

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function subscribe(changed: () => void): () => void {
  systemIsDark.addEventListener("change", changed);
  return () => systemIsDark.removeEventListener("change", changed);
}

function useSystemTheme(): Theme {
  return useSyncExternalStore(subscribe, () => (systemIsDark.matches ? "dark" : "light"));
}

function storedTheme(): Theme | undefined {
  const stored = recall(local, "readrealm.theme");
  return stored === "light" || stored === "dark" ? stored : undefined;
}

export function ThemeToggle() {
  const system = useSystemTheme();
  const [chosen, setChosen] = useState(storedTheme);
  const theme = chosen ?? system;
  const other: Theme = theme === "dark" ? "light" : "dark";

  useEffect(() => {
    if (chosen === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  }, [chosen]);

  const toggle = useCallback(() => {
    // A choice that agrees with the system is no choice: the page goes back to following it.
    const next = other === system ? undefined : other;
    remember(local, "readrealm.theme", next ?? "");
    setChosen(next);
  }, [other, system]);

  return (
    <button type="button" className="icon-button" onClick={toggle} aria-label={`Switch to the ${other} theme`}>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {other === "light" ? (
          <>
            <circle cx="12" cy="12" r="4.2" />
            <path d="M12 2.5v2.6M12 18.9v2.6M2.5 12h2.6M18.9 12h2.6M5.3 5.3l1.8 1.8M16.9 16.9l1.8 1.8M18.7 5.3l-1.8 1.8M7.1 16.9l-1.8 1.8" />
          </>
        ) : (
          <path d="M20 14.2A8.3 8.3 0 0 1 9.8 4a8.3 8.3 0 1 0 10.2 10.2Z" />
        )}
      </svg>
    </button>
  );
}
