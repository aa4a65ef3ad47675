// Small helpers for building DOM without a framework: nodes, never markup in strings.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick: fn`) and children; null children are skipped. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const ICONS = {
  tumor: ["M12 3.2 21.5 20H2.500z", "M12 9.500v5", "M12 17.2v.1"],
  no_tumor: ["M12 2.800a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.400z", "m7.8 12.3 3 3 5.6-6.3"],
  uncertain: ["M12 2.800a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.400z", "M9.3 9.600a2.8 2.8 0 1 1 4 2.500c-.9.5-1.3 1-1.3 2", "M12 17.100v.1"],
  refused: ["M8.2 2.800h7.600l5.4 5.400v7.600l-5.4 5.400H8.200l-5.4-5.400V8.200z", "m8.8 8.8 6.4 6.4", "m15.2 8.8-6.4 6.4"],
  working: ["M12 3a9 9 0 1 1-9 9"],
  upload: ["M12 15.500v-11", "m7.5 8.8 4.5-4.5 4.5 4.5", "M4.5 15.500v3.300c0 .7.5 1.2 1.2 1.200h12.600c.7 0 1.2-.5 1.2-1.200v-3.3"],
  camera: ["M4.7 7.500h2.900l1.5-2.300h5.800l1.5 2.300h2.900c.9 0 1.7.7 1.7 1.700v8.600c0 .9-.8 1.7-1.7 1.700H4.700c-.9 0-1.7-.8-1.7-1.700V9.200c0-1 .8-1.7 1.7-1.700z", "M12 9.800a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.600z"],
  folder: ["M3 6.500c0-.8.7-1.5 1.5-1.500h4.300l2 2.300h8.700c.8 0 1.5.7 1.5 1.500v8.700c0 .8-.7 1.5-1.5 1.500h-15c-.8 0-1.5-.7-1.5-1.500z"],
  file: ["M6 3h8l4.5 4.500V21H6z", "M14 3v4.500h4.5"],
  trash: ["M4.5 6.500h15", "M9.5 6.500v-2h5v2", "m6.5 6.5.9 13.300h9.200l.9-13.3", "M10.3 10.500v5.5", "M13.7 10.500v5.5"],
  download: ["M12 4.500v11", "m7.5 11.2 4.5 4.5 4.5-4.5", "M4.5 20h15"],
  target: ["M12 5.500a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M12 2.500v5", "M12 16.500v5", "M2.5 12h5", "M16.5 12h5"],
  fit: ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  invert: ["M12 3.500a8.5 8.5 0 1 0 0 17z", "M12 3.500a8.5 8.5 0 0 1 0 17"],
  contrast: ["M4 18.5 20 5.5", "M4 5.500v13h16"],
};

/** A line icon, decorative: the text beside it carries the meaning. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const d of ICONS[name] ?? []) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** A name as the server sends it, made readable: `no_tumor` becomes `No tumor`. */
export function humanise(name) {
  const text = String(name).replace(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** True while somebody types, so that single-letter shortcuts must stay quiet. */
export function isTyping(target) {
  return target instanceof Element
    && (target.closest("input:not([type=range]):not([type=checkbox]), textarea, select") !== null
      || target.closest("[contenteditable]") !== null);
}
