// The two dialogs: help with the shortcuts, and a question before something is deleted.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { SHORTCUTS } from "./viewer-input.js";

const PAGE_KEYS = [
  { shown: ["O"], text: "keys.open" },
  { shown: ["T"], text: "keys.theme" },
  { shown: ["?"], text: "keys.help" },
  { shown: ["Esc"], text: "keys.cancel" },
];

const GESTURES = [
  ["gesture.wheel", "gesture.wheel.does"], ["gesture.drag", "gesture.drag.does"],
  ["gesture.right", "gesture.right.does"], ["gesture.double", "gesture.double.does"],
  ["gesture.pinch", "gesture.pinch.does"], ["gesture.swipe", "gesture.swipe.does"],
];

function keyRows(list) {
  return list.filter((entry) => entry.text).map((entry) => [
    h("dt", {}, entry.shown.map((key) => h("kbd", {}, key))), h("dd", {}, t(entry.text)),
  ]).flat();
}

/** Opens the help; the browser returns the focus to where it was when it closes. */
export function openHelp(dialog) {
  if (dialog.childElementCount === 0) {
    dialog.append(
      h("header", { class: "sheet-head" }, h("h2", { id: "help-title" }, t("help.title")),
        h("button", { type: "button", class: "button small", autofocus: true, onclick: () => dialog.close() }, t("help.close"))),
      h("div", { class: "sheet-columns" },
        h("section", {}, h("h3", {}, t("help.viewer")), h("dl", { class: "keys" }, keyRows(SHORTCUTS))),
        h("section", {}, h("h3", {}, t("help.page")), h("dl", { class: "keys" }, keyRows(PAGE_KEYS)),
          h("h3", {}, t("help.gestures")),
          h("dl", { class: "keys gestures" }, GESTURES.map(([what, does]) => [h("dt", {}, t(what)), h("dd", {}, t(does))]).flat()))),
      h("p", { class: "small-print" }, t("help.limits")));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  dialog.showModal();
}

/** Asks before deleting; resolves to whether it was agreed to. */
export function confirmDelete(dialog, title) {
  return new Promise((resolve) => {
    const close = (answer) => () => dialog.close(answer);
    dialog.replaceChildren(
      h("h2", { id: "confirm-title" }, t("confirm.title")),
      h("p", {}, t("confirm.text", { title })),
      h("div", { class: "sheet-buttons" },
        h("button", { type: "button", class: "button", autofocus: true, onclick: close("no") }, t("confirm.keep")),
        h("button", { type: "button", class: "button danger", onclick: close("yes") }, t("confirm.delete"))));
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}
