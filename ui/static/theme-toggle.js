// The light/dark button: the system's preference until the reader chooses.

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
let button = null;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : DARK.matches;
}

function tell() {
  button?.setAttribute("aria-pressed", String(isDark()));
}

/** Switches between light and dark and remembers it. */
export function toggleTheme() {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    window.localStorage.setItem("theme", next);
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
  tell();
}

/** Connects the button and keeps its pressed state true. */
export function watchTheme(node) {
  button = node;
  button.addEventListener("click", toggleTheme);
  DARK.addEventListener("change", tell);
  tell();
}
