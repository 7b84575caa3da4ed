// Paths by an SDE and by the flow, from the same noise.  Settings go to Python, which walks and integrates; the time
// slider only picks what is drawn.

const WIDE = 236, HIGH = 216; // pixels of a panel's inside

// A panel over (t, x) with a shade behind it.  columns x rows values of log p, by time and then by place.
function bundleView(model, title) {
  const reach = model.get("reach");
  const axes = plot({
    width: WIDE + 50, height: HIGH + 64, x: [0, 1], y: [-reach, reach], title, yLabel: "x", xLabel: "time t (data at 0, noise at 1)",
    xTicks: [0, 0.25, 0.5, 0.75, 1], yTicks: [-3, -2, -1, 0, 1, 2, 3],
  });
  const canvas = html("canvas", { "aria-hidden": "true",
    style: `position: absolute; left: ${axes.box.left}px; top: ${axes.box.top}px; width: ${WIDE}px; height: ${HIGH}px;`
      + "border: none" });
  axes.root.style.position = "relative";
  axes.root.style.maxWidth = "none";
  const lines = axes.path("a");
  lines.style.stroke = "var(--ink)";
  lines.style.strokeWidth = 0.8;
  const cut = axes.path("c");
  const shade = (values, columns, rows, top) => {
    Object.assign(canvas, { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const picture = context.createImageData(columns, rows);
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j < rows; j++) {
        const to = 4 * ((rows - 1 - j) * columns + i); // x grows upwards
        picture.data.set([86, 180, 233], to);
        picture.data[to + 3] = 190 * Math.min(1, Math.sqrt(Math.exp(values[i * rows + j]) / top));
      }
    }
    context.putImageData(picture, 0, 0);
  };
  // paths: (count, m + 1) by time; only the part from time t to the noise is drawn.
  const draw = (paths, m, t, words) => {
    let out = "";
    const first = Math.ceil(t * m - 1e-9);
    for (let from = 0; from < paths.length; from += m + 1) {
      for (let i = m; i >= first; i--) {
        const y = Math.min(axes.box.bottom, Math.max(axes.box.top, axes.at_y(paths[from + i])));
        out += `${i === m ? "M" : "L"}${axes.at_x(i / m).toFixed(1)} ${y.toFixed(1)}`;
      }
    }
    lines.setAttribute("d", out);
    cut.setAttribute("d", `M${axes.at_x(t).toFixed(1)} ${axes.box.top}V${axes.box.bottom}`);
    axes.root.setAttribute("aria-label", words);
  };
  return { root: html("div", { style: `position: relative; width: ${WIDE + 50}px` }, canvas, axes.root), shade, draw };
}

function profileView(model) {
  const reach = model.get("reach");
  const lowest = model.get("lowest");
  const axes = plot({
    width: 176, height: HIGH + 64, x: [lowest, 1], y: [-reach, reach], title: "log p over x", yLabel: "x", xLabel: "nats",
    xTicks: [-8, -6, -4, -2, 0], yTicks: [-3, -2, -1, 0, 1, 2, 3],
  });
  const truth = axes.path("a");
  const flow = axes.path("b");
  const line = (values) => { // broken where log p leaves the frame
    let pen = "M";
    return Array.from(values, (v, i) => {
      if (v < lowest || v > 1) { pen = "M"; return ""; }
      const y = axes.at_y(-reach + (2 * reach * i) / (values.length - 1));
      const out = `${pen}${axes.at_x(v).toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return out;
    }).join("");
  };
  const draw = (exact, computed, words) => {
    truth.setAttribute("d", line(exact));
    flow.setAttribute("d", line(computed));
    axes.root.setAttribute("aria-label", words);
  };
  return { root: axes.root, draw };
}

function choice(label, options) {
  const select = html("select", { "aria-label": label }, ...options.map((o) => html("option", { value: o }, String(o))));
  const row = html("div", { class: "dk-setting" }, html("span", { class: "dk-name", "aria-hidden": "true" }, label), select);
  return { row, select };
}

function render({ model, el }) {
  const [steps, paths, fine, coarse] = ["steps", "paths", "fine", "coarse"].map((name) => model.get(name));
  const pairs = (paths * (paths - 1)) / 2;
  const time = sliderRow("time t", "t, the time shown", 8, { min: 0, max: steps, step: 1 });
  const lam = sliderRow("noise λ", "λ, noise of the SDE", 8, { min: 0, max: 1, step: 0.05 });
  const solver = choice("solver", model.get("solvers"));
  const count = choice("steps", model.get("counts"));
  const fresh = html("button", { type: "button" }, "New noise");
  const overtaken = html("strong", { class: "dk-number" });
  const off = html("strong", { class: "dk-number" });
  const message = html("p", { class: "dk-message dk-error", role: "alert" });
  const views = [bundleView(model, "SDE, exact density"), bundleView(model, "flow, its own likelihood map")];
  const profile = profileView(model);
  const exact = numbers(model, "exact", Float32Array);
  const top = Math.exp(exact.reduce((a, b) => Math.max(a, b)));
  views[0].shade(exact, steps + 1, fine, top);

  const draw = () => {
    const k = model.get("k");
    const n = numbers(model, "errors", Float32Array).length - 1;
    const t = k / steps;
    const j = Math.round(t * n);
    const smooth = numbers(model, "smooth", Float32Array);
    const map = numbers(model, "map", Float32Array);
    const gone = Math.round(numbers(model, "overtaken", Float32Array)[k]);
    const error = readable(numbers(model, "errors", Float32Array)[j]);
    time.show(k, `t = ${t.toFixed(2)}`);
    overtaken.textContent = `${gone} of ${pairs}`;
    const own = (j / n).toFixed(2); // the flow knows log p at the times of its solver
    off.textContent = `${error} nats at t = ${own}`;
    views[0].draw(numbers(model, "noisy", Float32Array), steps, t,
      `${paths} paths of the SDE with lambda ${readable(model.get("lam"))}, from noise back to time ${t.toFixed(2)}. ${gone} pairs have changed places.`);
    if (smooth.length === paths * (n + 1)) { // else its message is still on the way
      views[1].draw(smooth, n, t, `${paths} paths of the flow from the same noise, ${n} steps of ${model.get("solver")}, back to time ${t.toFixed(2)}.`);
    }
    const row = (j * steps) / n;
    profile.draw(exact.subarray(row * fine, (row + 1) * fine), map.subarray(j * coarse, (j + 1) * coarse),
      `Log density over x at time ${own}, exact and by the flow: off by ${error} nats on average.`);
  };
  const load = () => {
    const map = numbers(model, "map", Float32Array);
    views[1].shade(map, map.length / coarse, coarse, top);
    draw();
  };
  const showSettings = () => {
    lam.show(model.get("lam"), model.get("lam").toFixed(2));
    solver.select.value = model.get("solver");
    count.select.value = model.get("n");
  };
  const showError = () => { message.textContent = model.get("error") && `${model.get("error")}.`; };
  const send = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  time.input.addEventListener("input", () => send("k", Number(time.input.value)));
  lam.input.addEventListener("input", () => send("lam", Number(lam.input.value)));
  solver.select.addEventListener("change", () => send("solver", solver.select.value));
  count.select.addEventListener("change", () => send("n", Number(count.select.value)));
  fresh.addEventListener("click", () => send("draws", model.get("draws") + 1));
  const listeners = [["change:k", draw], ["change:noisy", draw], ["change:smooth", draw], ["change:map", load],
    ["change:error", showError], ...["lam", "solver", "n"].map((name) => [`change:${name}`, showSettings])];
  listeners.forEach(([event, action]) => model.on(event, action));

  const controls = html("div", { class: "dk-settings" }, time.row, lam.row,
    solver.row, count.row, html("div", { class: "dk-setting" }, html("span", { class: "dk-name" }), fresh));
  const answer = html("div", { class: "dk-answer" },
    html("div", {}, "Pairs that changed places, SDE: ", overtaken, ", flow: 0"),
    html("div", {}, "Mean error of the flow's log p: ", off), message);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Flow paths explorer" },
    html("div", { class: "dk-row dk-top" }, controls, answer),
    html("div", { class: "dk-row dk-top", style: "gap: 4px" }, views[0].root, views[1].root, profile.root),
    legend([["a", "exact log p"], ["b", "log p by the flow"], ["c", "the time shown"]]));
  keepKeys(root);
  el.append(root);
  showSettings();
  showError();
  load();
  return () => listeners.forEach(([event, action]) => model.off(event, action));
}

export default { render };
