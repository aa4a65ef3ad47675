// Single keys that work anywhere on the page, but not while somebody types or a dialog is open.

import { isTyping } from "./dom.js";

/** `actions` maps keys to what they do. */
export function listenToPageKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
