// <drop-zone>: files in by drop, picker, folder, camera or paste. Fires `files` with `detail.files`.

import { h, icon, isTyping } from "./dom.js";
import { t } from "./i18n.js";

const MOST_FILES = 20000;

async function filesOfEntry(entry, found) {
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await filesOfEntry(child, found);
  }
}

/** Every file of a drop, folders walked through. */
async function filesOfDrop(transfer) {
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) if (entry) await filesOfEntry(entry, found);
  return found;
}

function carriesFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

class DropZone extends HTMLElement {
  #depth = 0;
  #pickers = {};
  #bound = false;

  connectedCallback() {
    if (this.#bound) return;
    this.#bound = true;
    this.#build();
    window.addEventListener("dragenter", (event) => this.#enter(event));
    window.addEventListener("dragover", (event) => {
      if (carriesFiles(event)) event.preventDefault();
    });
    window.addEventListener("dragleave", (event) => {
      if (carriesFiles(event)) this.#mark(this.#depth - 1);
    });
    window.addEventListener("drop", (event) => this.#drop(event));
    document.addEventListener("paste", (event) => {
      if (isTyping(event.target)) return;
      this.#offer([...(event.clipboardData?.files ?? [])]);
    });
  }

  /** Opens the file picker, as the shortcut does. */
  open() {
    this.#pickers.files.click();
  }

  #build() {
    const picker = (name, attributes) => {
      const input = h("input", {
        type: "file", class: "hidden", tabindex: "-1", "aria-hidden": "true", ...attributes,
        onchange: () => {
          this.#offer([...input.files]);
          input.value = "";
        },
      });
      this.#pickers[name] = input;
      return input;
    };
    const button = (name, glyph, text, className) => h("button", {
      type: "button", class: `button ${className}`, onclick: () => this.#pickers[name].click(),
    }, icon(glyph), h("span", {}, text));
    this.append(
      h("div", { class: "drop" },
        h("div", { class: "drop-art" }, icon("upload", "icon drop-icon")),
        h("p", { class: "drop-title" }, t("drop.title")),
        h("p", { class: "drop-hint" }, t("drop.hint")),
        h("div", { class: "drop-buttons" },
          button("files", "file", t("drop.choose"), "primary"),
          button("folder", "folder", t("drop.folder"), "drop-folder"),
          button("camera", "camera", t("drop.camera"), "drop-camera")),
        h("p", { class: "drop-privacy" }, t("drop.privacy"))),
      picker("files", { multiple: true, "data-picker": "files" }),
      picker("folder", { webkitdirectory: true, multiple: true, "data-picker": "folder" }),
      picker("camera", { accept: "image/*", capture: "environment", "data-picker": "camera" }),
      h("div", { class: "drop-veil", "aria-hidden": "true" }, h("p", {}, t("drop.release"))));
  }

  #enter(event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.#mark(this.#depth + 1);
  }

  #mark(depth) {
    this.#depth = Math.max(0, depth);
    document.body.classList.toggle("dragging", this.#depth > 0);
  }

  async #drop(event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.#mark(0);
    try {
      this.#offer(await filesOfDrop(event.dataTransfer));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("unreadable-drop", { bubbles: true, detail: { error } }));
    }
  }

  #offer(files) {
    if (files.length === 0) return;
    this.dispatchEvent(new CustomEvent("files", { bubbles: true, detail: { files } }));
  }
}

customElements.define("drop-zone", DropZone);
