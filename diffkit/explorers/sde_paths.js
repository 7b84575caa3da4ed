// Paths of a stochastic differential equation over its density.  Settings go to Python, which runs all paths and sends
// them back; the slider of the moment and the play button only pick one of the steps.

// Five even marks inside the frame: 1.5 apart in a small one, 3 in a large one.
const placeMarks = (reach) => [-2, -1, 0, 1, 2].map((v) => v * (reach > 6 ? 3 : 1.5));

function bundleView(model) {
  const reach = model.get("reach");
  const axes = plot({
    width: 430, height: 280, x: [0, 1], y: [-reach, reach], xLabel: "time t (0 data, 1 noise)", yLabel: "x", title: "paths over the exact density",
    xTicks: [0, 0.25, 0.5, 0.75, 1], yTicks: placeMarks(reach),
  });
  const { left, right, top, bottom } = axes.box;
  const heat = svg("image", { x: left, y: top, width: right - left, height: bottom - top, preserveAspectRatio: "none" });
  axes.root.append(heat);
  const bundle = axes.path("paths");
  const cursor = axes.path("c");
  const heads = axes.path("dots");
  const setHeat = (density, rows) => {
    const size = density.length / rows;
    const canvas = html("canvas", { width: rows, height: size });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(rows, size);
    let most = 0;
    for (const p of density) most = Math.max(most, p);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < size; i++) {
        const at = 4 * ((size - 1 - i) * rows + row);
        pixels.data.set([0, 114, 178, 210 * Math.sqrt(density[row * size + i] / most)], at);
      }
    }
    context.putImageData(pixels, 0, 0);
    heat.setAttribute("href", canvas.toDataURL());
  };
  // Only the part of each path that has been walked: k steps of the run.
  const draw = (paths, count, times, k) => {
    let d = "";
    let ends = "";
    for (let path = 0; path < count; path++) {
      let pen = "M";
      for (let i = 0; i <= k; i++) {
        d += `${pen}${axes.at_x(times[i]).toFixed(1)} ${axes.at_y(paths[i * count + path]).toFixed(1)}`;
        pen = "L";
      }
      ends += `M${axes.at_x(times[k]).toFixed(1)} ${axes.at_y(paths[k * count + path]).toFixed(1)}h0`;
    }
    bundle.setAttribute("d", d);
    heads.setAttribute("d", ends);
    cursor.setAttribute("d", `M${axes.at_x(times[k]).toFixed(1)} ${top}V${bottom}`);
  };
  return { root: axes.root, setHeat, draw };
}

function momentView(model) {
  const reach = model.get("reach");
  const axes = plot({
    width: 300, height: 280, x: [-reach, reach], y: [0, model.get("top")], xLabel: "x", title: "density at this moment",
    xTicks: placeMarks(reach), yTicks: [0, 0.25, 0.5, 0.75, 1].filter((v) => v < model.get("top")),
  });
  const even = (n, i) => -reach + (2 * reach * i) / n;
  const area = axes.path("area");
  const exact = axes.path("a");
  const bars = axes.path("b");
  const draw = (density, hist) => {
    const line = through(axes, Float64Array.from(density, (_, i) => even(density.length - 1, i)), density);
    exact.setAttribute("d", line);
    area.setAttribute("d", `${line}V${axes.box.bottom}H${axes.box.left}Z`);
    let d = `M${axes.box.left} ${axes.box.bottom}`;
    hist.forEach((count, i) => {
      d += `V${axes.at_y(count).toFixed(1)}H${axes.at_x(even(hist.length, i + 1)).toFixed(1)}`;
    });
    bars.setAttribute("d", `${d}V${axes.box.bottom}`);
  };
  return { root: axes.root, draw };
}

const choice = (label, names) =>
  html("select", { "aria-label": label }, ...names.map((name) => html("option", { value: name }, name)));

function render({ model, el }) {
  const frames = model.get("frames");
  const choices = model.get("choices");
  const step = sliderRow("step Δ", "Δ, the length of a step", 15, { min: 0, max: choices.length - 1, step: 1 });
  const moment = sliderRow("moment", "moment, how far the run has come", 15, { min: 0, max: frames, step: 1 });
  const kind = choice("which equation", model.get("kinds"));
  const direction = choice("direction of time", model.get("directions"));
  const play = player(model, "frame", frames, 2);
  const again = html("button", { type: "button" }, "New noise");
  const gapNow = html("strong", { class: "dk-number" });
  const spreadNow = html("strong", { class: "dk-number" });
  const spreadTrue = html("strong", { class: "dk-number" });
  const verdict = html("p", { class: "dk-message", "aria-live": "polite" });
  const error = html("p", { class: "dk-message dk-error", role: "alert" });
  const panels = html("div", { class: "dk-row dk-panels" });
  let views, tables, times;

  const draw = () => {
    const n = times.length - 1;
    const k = Math.floor((model.get("frame") * n) / frames);
    const row = (table, rows, i) => table.subarray((i * table.length) / rows, ((i + 1) * table.length) / rows);
    views.bundle.draw(tables.paths, tables.paths.length / (n + 1), times, k);
    views.moment.draw(row(tables.density, frames + 1, Math.round(times[k] * frames)), row(tables.hist, n + 1, k));
    moment.show(model.get("frame"), `t = ${times[k].toFixed(2)}, step ${k} of ${n}`);
    gapNow.textContent = tables.gap[k].toFixed(3);
    spreadNow.textContent = readable(tables.spread[k]);
    spreadTrue.textContent = readable(tables.spread[n + 1 + k]);
    const words = `${model.get("kind")}, ${model.get("direction")}, step ${k} of ${n}, t = ${times[k].toFixed(2)}`;
    views.bundle.root.setAttribute("aria-label", `Paths over the exact density. ${words}.`);
    views.moment.root.setAttribute("aria-label", `Histogram of the particles over the exact density. ${words}. Largest gap of shares ${tables.gap[k].toFixed(3)}.`);
  };
  const load = () => {
    tables = Object.fromEntries(["density", "paths", "hist", "gap", "spread"].map((name) => [name, numbers(model, name, Float32Array)]));
    const n = model.get("n");
    const forward = model.get("direction") === model.get("directions")[0];
    times = Float64Array.from({ length: n + 1 }, (_, i) => (forward ? i : n - i) / n);
    views = { bundle: bundleView(model), moment: momentView(model) };
    views.bundle.setHeat(tables.density, frames + 1);
    panels.replaceChildren(views.bundle.root, views.moment.root);
    verdict.textContent = model.get("verdict");
    draw();
  };
  const showSettings = () => {
    step.show(choices.length - 1 - choices.indexOf(model.get("n")), `1/${model.get("n")}, ${model.get("n")} steps`);
    kind.value = model.get("kind");
    direction.value = model.get("direction");
  };
  const showError = () => { error.textContent = model.get("error") && `${model.get("error")}.`; };
  const send = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  again.addEventListener("click", () => send("draws", model.get("draws") + 1));
  moment.input.addEventListener("input", () => { play.stop(); send("frame", Number(moment.input.value)); });
  step.input.addEventListener("input", () => send("n", choices[choices.length - 1 - Number(step.input.value)]));
  kind.addEventListener("change", () => send("kind", kind.value));
  direction.addEventListener("change", () => send("direction", direction.value));
  const listeners = [["change:frame", draw], ["change:paths", load], ["change:error", showError],
    ...["kind", "direction", "n"].map((name) => [`change:${name}`, showSettings])];
  listeners.forEach(([event, action]) => model.on(event, action));

  const name = (words) => html("span", { class: "dk-name", "aria-hidden": "true" }, words);
  const controls = html("div", { class: "dk-settings" },
    html("div", { class: "dk-setting" }, name("equation"), kind),
    html("div", { class: "dk-setting" }, name("direction"), direction),
    step.row, moment.row, html("div", { class: "dk-setting" }, name(""), play.button, again));
  const answer = html("div", { class: "dk-answer" },
    html("div", {}, "Largest gap of shares, particles against exact: ", gapNow),
    html("div", {}, "Standard deviation of the particles: ", spreadNow, ", exact: ", spreadTrue), verdict, error);
  const key = legend([["a", "exact density"], ["b", "2,000 particles"], ["c", "the moment shown"]]);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "SDE paths explorer" },
    html("div", { class: "dk-row dk-top" }, controls, answer), panels, key);
  keepKeys(root);
  el.append(root);
  showSettings();
  showError();
  load();
  return () => {
    play.stop();
    listeners.forEach(([event, action]) => model.off(event, action));
  };
}

export default { render };
