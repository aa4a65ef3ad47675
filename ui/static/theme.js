// Sets the chosen colour scheme before the first paint; without a choice the system decides.
(function applyStoredTheme() {
  try {
    const chosen = window.localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be switched off; the system's preference then stands.
  }
})();
