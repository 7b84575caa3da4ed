// The gap of the bound against the number of steps.  Python sent every curve; a move only picks among them.

const VARIANCES = {
  beta: ["a", "βₜ, the noise of the step forward"],
  beta_tilde: ["b", "β̃ₜ, right if x₀ were known"],
  best: ["c", "the best one for each t"],
};
const NAMES = Object.keys(VARIANCES);

function gapView(steps, gaps) {
  const n = steps.length;
  const logs = gaps.map(Math.log10);
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(Math.ceil(Math.max(...logs)), low + 1);
  const far = Math.max(Math.ceil(Math.log10(steps[n - 1])), 1);
  const ticks = (from, to) => Array.from({ length: to - from + 1 }, (_, i) =>
    [from + i, from + i === 0 ? "1" : from + i === 1 ? "10" : `10${raised(from + i)}`]);
  const axes = plot({
    width: 360, height: 260, x: [0, far], y: [low, high], title: "the gap, in nats", xLabel: "T, number of steps",
    xTicks: ticks(0, far), yTicks: ticks(low, high),
  });
  const xs = steps.map(Math.log10);
  NAMES.forEach((name, row) =>
    axes.path(VARIANCES[name][0]).setAttribute("d", through(axes, xs, logs.slice(row * n, (row + 1) * n))));
  const dot = axes.path("a");
  dot.style.strokeWidth = "10";
  const draw = (row, k) => {
    dot.setAttribute("class", VARIANCES[NAMES[row]][0]);
    dot.style.strokeDasharray = "none";
    dot.setAttribute("d", through(axes, [xs[k]], [logs[row * n + k]]));
  };
  return { root: axes.root, draw };
}

function wayBackView(reach, size, true_, model) {
  const top = 1.05 * Math.max(...true_.filter(Number.isFinite), ...model.filter((v) => v < 1.2));
  const axes = plot({
    width: 360, height: 260, x: [-reach, reach], y: [0, top], title: "the way back, where it is least Gaussian",
    xLabel: "standard deviations from the mean", xTicks: [-4, -2, 0, 2, 4], yTicks: [0, 0.5, 1].filter((v) => v < top),
  });
  const xs = Float64Array.from({ length: size }, (_, i) => -reach + (2 * reach * i) / (size - 1));
  const area = axes.path("area");
  const outline = axes.path("a");
  const guess = axes.path("c");
  const draw = (row, k, n) => {
    const line = through(axes, xs, true_.subarray(k * size, (k + 1) * size));
    outline.setAttribute("d", line);
    area.setAttribute("d", `${line}V${axes.box.bottom}H${axes.box.left}Z`);
    const start = (row * n + k) * size;
    guess.setAttribute("d", through(axes, xs, model.subarray(start, start + size)));
  };
  return { root: axes.root, draw };
}

function render({ model, el }) {
  const steps = model.get("steps");
  const worst = model.get("worst");
  const n = steps.length;
  const gaps = numbers(model, "gaps", Float64Array);
  const priors = numbers(model, "priors", Float64Array);
  const slider = html("input", { type: "range", min: 0, max: n - 1, step: 1, "aria-label": "T, the number of steps" });
  const count = html("output", { class: "dk-number", style: "min-width: 9ch" });
  const choice = html("select", { "aria-label": "variance of the model's step" },
    ...NAMES.map((name) => html("option", { value: name }, VARIANCES[name][1])));
  const left = gapView(steps, Array.from(gaps));
  const right = wayBackView(model.get("reach"), model.get("grid_size"),
    numbers(model, "true", Float64Array), numbers(model, "model", Float64Array));
  const rows = ["entropy of the data: no model has less", "the bound, minus ELBO, on average", "the gap between them",
    "of it, x at T is not quite N(0, 1)", "of it, the T steps back", "the step on the right, which loses most"];
  const values = rows.map(() => html("span", { class: "dk-number" }));

  const draw = () => {
    const [k, row] = [model.get("chosen"), NAMES.indexOf(model.get("variance"))];
    const lost = gaps[row * n + k];
    const floor = model.get("entropy");
    slider.value = k;
    choice.value = NAMES[row];
    count.textContent = `T = ${steps[k]}`;
    slider.setAttribute("aria-valuetext", `${steps[k]} steps: the gap is ${readable(lost)} nats`);
    left.draw(row, k);
    right.draw(row, k, n);
    left.root.setAttribute("aria-label",
      `Gap of the bound against the number of steps, for three variances. At T ${steps[k]} with ${VARIANCES[NAMES[row]][1]}: ${readable(lost)} nats.`);
    right.root.setAttribute("aria-label",
      `Density of x at t minus 1 given x at t, for t ${worst[k]} of ${steps[k]}, beside the model's Gaussian.`);
    [floor, floor + lost, lost, Math.max(priors[k], 0), lost - priors[k]].forEach((value, i) => {
      values[i].textContent = `${value.toFixed(4).replace("-", "−")} nats`;
    });
    values[5].textContent = `t = ${worst[k]} of ${steps[k]}`;
  };
  slider.addEventListener("input", () => {
    model.set("chosen", Number(slider.value));
    model.save_changes();
  });
  choice.addEventListener("change", () => {
    model.set("variance", choice.value);
    model.save_changes();
  });
  const listeners = ["change:chosen", "change:variance"];
  listeners.forEach((event) => model.on(event, draw));

  const readouts = html("div", { class: "dk-readouts" }, ...rows.flatMap((name, i) => [html("span", {}, name), values[i]]));
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Gap of the bound explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "T"), slider, count),
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "σₜ²"), choice),
    html("div", { class: "dk-row dk-top" },
      html("div", {}, left.root, legend(NAMES.map((name) => [VARIANCES[name][0], VARIANCES[name][1].split(",")[0]]))),
      html("div", {}, right.root, legend([["a", "true way back"], ["c", "the model's Gaussian"]]))),
    readouts);
  keepKeys(root);
  el.append(root);
  draw();
  return () => listeners.forEach((event) => model.off(event, draw));
}

export default { render };
