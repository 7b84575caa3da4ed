// Helpers of every explorer.  They build the page and its controls and draw lines; no mathematics is done here.

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
const html = (tag, attributes = {}, ...children) =>
  build(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A letter with an index that has no sign of its own: sub("x", "T").
const sub = (letter, index) => html("span", {}, letter, html("sub", {}, index));

// Words from Python with the signs that have no index of their own, "beta_1", "x_T": as they are written.
const written = (text) => text.replace("N(0, I)", "N(0,\u00a0I)").split(/([a-z]+_[A-Zℓ\d])/).map((part) => {
  const [letter, index] = part.split("_");
  return index ? sub(letter === "beta" ? "β" : letter, index) : part;
});

// Notebook front ends take plain keys for themselves (arrows move between cells, letters are commands), unless the
// event stops here.  Keys with Ctrl, Alt or Meta and Shift+Enter stay theirs.  Escape leaves: the cell has the keys again.
function keepKeys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return root.closest(".jp-Notebook-cell")?.focus({ preventScroll: true });
    const theirs = event.ctrlKey || event.altKey || event.metaKey;
    if (!theirs && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
  });
}

// A canvas does not follow a style sheet.  This draws it again, in the color of the page's variable `name` ("--a"), once
// it has its place on the page and whenever the theme changes.  Returns the function that ends this.
function followTheme(canvas, name, draw) {
  let last = "";
  const look = () => {
    const color = getComputedStyle(canvas).getPropertyValue(name).trim();
    if (color && color !== last) draw((last = color));
  };
  const placed = new ResizeObserver(look);
  const themed = new MutationObserver(look);
  placed.observe(canvas);
  const attributeFilter = ["class", "theme", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];
  for (const node of [document.documentElement, document.body]) themed.observe(node, { attributeFilter });
  return () => { placed.disconnect(); themed.disconnect(); };
}

// The numbers behind a trait of bytes.  Copied, because a typed array must start at a multiple of its item size.
function numbers(model, name, Type) {
  const bytes = model.get(name);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

const raised = (power) => [...String(power)].map((d) => (d === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[d])).join("");

// Three digits, large and small numbers as powers of ten: 0.0123, 4.04 × 10⁻⁵, ∞.
function readable(value) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e4)) return value.toPrecision(3).replace("-", "−");
  const [digits, power] = value.toExponential(2).split("e");
  return `${digits.replace("-", "−")} × 10${raised(Number(power))}`;
}

// Axes with a grid.  x and y: [lowest, highest]; ticks: values, or [value, text] pairs.  A line that leaves the frame is
// cut off there: were it bent along the border, it would look like data.
function plot({ width, height, x, y, xTicks, yTicks, xLabel, yLabel = "", title }) {
  const box = { left: 40, right: width - 10, top: 26, bottom: height - 38 };
  const at_x = (v) => box.left + ((v - x[0]) / (x[1] - x[0])) * (box.right - box.left);
  const at_y = (v) => box.bottom - ((v - y[0]) / (y[1] - y[0])) * (box.bottom - box.top);
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  const text = (content, attributes) => {
    const out = svg("text", attributes);
    out.textContent = content;
    root.append(out);
  };
  const pairs = (ticks) => ticks.map((tick) => (Array.isArray(tick) ? tick : [tick, String(tick).replace("-", "−")]));
  for (const [value, label] of pairs(xTicks)) {
    root.append(svg("line", { class: "grid", x1: at_x(value), x2: at_x(value), y1: box.top, y2: box.bottom }));
    text(label, { x: at_x(value), y: box.bottom + 16, "text-anchor": "middle" });
  }
  for (const [value, label] of pairs(yTicks)) {
    root.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: at_y(value), y2: at_y(value) }));
    text(label, { x: box.left - 6, y: at_y(value) + 4, "text-anchor": "end" });
  }
  text(xLabel, { x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" });
  text(yLabel, { x: box.left - 6, y: 14, "text-anchor": "end" });
  text(title, { class: "title", x: box.left, y: 14 });
  const id = `dk-${Math.random().toString(36).slice(2)}`; // of its own on a page with many plots
  const [edge, w, h] = [5, box.right - box.left, box.bottom - box.top]; // half a dot may stand out
  root.append(svg("clipPath", { id },
    svg("rect", { x: box.left - edge, y: box.top - edge, width: w + 2 * edge, height: h + 2 * edge })));
  const path = (style) => root.appendChild(svg("path", { class: style, "clip-path": `url(#${id})` }));
  return { root, box, at_x, at_y, path };
}

// The path through (x, y), held within a frame's height of the frame.  A value that is not a number breaks the line; a lone point is a dot.
function through(axes, xs, ys) {
  const tall = axes.box.bottom - axes.box.top;
  let out = "";
  let pen = "M";
  for (let i = 0; i < ys.length; i++) {
    if (Number.isNaN(ys[i])) { pen = "M"; continue; }
    const y = Math.min(axes.box.bottom + tall, Math.max(axes.box.top - tall, axes.at_y(ys[i])));
    out += `${pen}${axes.at_x(xs[i]).toFixed(1)} ${y.toFixed(1)}`;
    if (pen === "M") out += "h0";
    pen = "L";
  }
  return out;
}

// A legend below a plot: [[class of the line, words], ..].
function legend(entries) {
  const sample = (style) =>
    svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: style, d: "M1 5H25" }));
  return html("div", { class: "dk-row dk-legend" }, ...entries.map(([style, words]) =>
    html("span", { class: "dk-row", style: "gap: 6px" }, sample(style), words)));
}

// A slider in a row of its own: a sign before it, and its value behind it in a room of so many characters.
function sliderRow(sign, label, room, attributes) {
  const input = html("input", { type: "range", "aria-label": label, ...attributes });
  const value = html("output", { class: "dk-number", style: `min-width: ${room}ch` });
  const name = html("span", { class: "dk-name", "aria-hidden": "true" }, sign);
  const show = (at, text) => {
    input.value = at;
    value.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  return { row: html("div", { class: "dk-setting" }, name, input, value), input, show };
}

// A button that moves the trait `name` on to `last`, by `stride` at every picture of the screen, and stops it.
function player(model, name, last, stride) {
  const button = html("button", { type: "button", style: "min-width: 9ch" }, "Play");
  let timer = null;
  const stop = () => {
    cancelAnimationFrame(timer);
    timer = null;
    button.textContent = "Play";
  };
  const move = (to) => {
    model.set(name, to);
    model.save_changes();
  };
  const advance = () => {
    const next = Math.min(model.get(name) + stride, last);
    move(next);
    if (next === last) stop();
    else timer = requestAnimationFrame(advance);
  };
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (model.get(name) === last) move(0);
    button.textContent = "Stop";
    timer = requestAnimationFrame(advance);
  });
  return { button, stop };
}
