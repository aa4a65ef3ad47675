// Two small plots as SVG: points over a logarithmic axis, and ratios with their intervals.

const SVG = "http://www.w3.org/2000/svg";
const WIDEST = 720;
const MARGINS = 70;

function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** As wide as the page lets it be, so that letters keep their size on a phone. */
const room = () => Math.max(240, Math.min(WIDEST, document.documentElement.clientWidth - MARGINS));

function frame(width, height, label) {
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

/** Round values that cover a range on a logarithmic axis: 1, 2, 5, 10, … */
export function logTicks(low, high) {
  const found = [];
  for (let power = -3; power < 7; power += 1) for (const step of [1, 2, 5]) found.push(step * 10 ** power);
  return found.filter((value) => value >= low && value <= high);
}

/** Round values in about four equal steps. */
function evenTicks(low, high) {
  const raw = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((one) => one * power >= raw) * power;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return found;
}

/** Points `{x, y, mark, peer}`; x is positive. Marks that would hide each other share one label. */
export function logPlot(points, { label, across, up }) {
  const [width, height] = [room(), 320];
  const [left, right, top, bottom] = [52, 20, 30, 56];
  const svg = frame(width, height, label);
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [lowX, highX] = [Math.min(...xs) / 1.35, Math.max(...xs) * 1.35];
  const spread = Math.max(Math.max(...ys) - Math.min(...ys), 0.02);
  const [lowY, highY] = [Math.min(...ys) - spread * 0.25, Math.max(...ys) + spread * 0.3];
  const x = (value) => left + ((width - left - right) * Math.log(value / lowX)) / Math.log(highX / lowX);
  const y = (value) => height - bottom - ((height - top - bottom) * (value - lowY)) / (highY - lowY);
  for (const value of evenTicks(lowY, highY)) {
    svg.append(s("line", { x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      s("text", { class: "tick", x: left - 8, y: y(value) + 5, "text-anchor": "end" }, value.toFixed(spread < 0.04 ? 3 : 2)));
  }
  for (const value of logTicks(lowX, highX)) {
    svg.append(s("text", { class: "tick", x: x(value), y: height - bottom + 22, "text-anchor": "middle" }, String(Number(value.toPrecision(3)))));
  }
  svg.append(s("text", { x: width - right, y: height - 8, "text-anchor": "end" }, across), s("text", { x: left, y: 16 }, up));
  const groups = [];
  for (const point of points) {
    const near = groups.find((group) => Math.abs(x(group[0].x) - x(point.x)) < 22 && Math.abs(y(group[0].y) - y(point.y)) < 16);
    if (near) near.push(point);
    else groups.push([point]);
  }
  for (const point of points) svg.append(s("circle", { class: point.peer ? "peer" : "own", cx: x(point.x), cy: y(point.y), r: 7 }));
  for (const group of groups) {
    svg.append(s("text", { x: x(group[0].x), y: y(group[0].y) - 12, "text-anchor": "middle" }, group.map((point) => point.mark).join(", ")));
  }
  return svg;
}

/** Ratios `{name, value, low, high}` around 1, with the band that nobody would notice. */
export function ratioPlot(ratios, { label, across, band }) {
  const width = room();
  const [left, right, top, bottom, line] = [Math.max(width * 0.42, 150), 24, 8, 56, width < 500 ? 44 : 30];
  const height = top + bottom + line * ratios.length;
  const svg = frame(width, height, label);
  const low = Math.min(band[0] / 1.06, ...ratios.map((one) => one.low)) / 1.02;
  const high = Math.max(band[1] * 1.06, ...ratios.map((one) => one.high)) * 1.02;
  const x = (value) => left + ((width - left - right) * Math.log(value / low)) / Math.log(high / low);
  svg.append(s("rect", { class: "same", x: x(band[0]), width: x(band[1]) - x(band[0]), y: top, height: height - top - bottom }));
  const ticks = high / low > 3 ? logTicks(low, high) : [0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7, 2, 2.5].filter((value) => value >= low && value <= high);
  for (const value of ticks) {
    svg.append(s("line", { x1: x(value), x2: x(value), y1: top, y2: height - bottom }),
      s("text", { class: "tick", x: x(value), y: height - bottom + 22, "text-anchor": "middle" }, String(Number(value.toPrecision(3)))));
  }
  ratios.forEach((one, i) => {
    const y = top + line * (i + 0.5);
    const parts = width < 500 ? one.name.split(", ") : [one.name];
    parts.forEach((part, k) => svg.append(s("text", { x: 0, y: y + 5 + 17 * (k - (parts.length - 1) / 2) }, part)));
    svg.append(
      s("line", { class: "whisker", x1: x(one.low), x2: x(one.high), y1: y, y2: y }),
      s("circle", { cx: x(one.value), cy: y, r: 6 }));
  });
  svg.append(s("text", { x: width - right, y: height - 8, "text-anchor": "end" }, across));
  return svg;
}
