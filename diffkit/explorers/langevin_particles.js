// Particles that follow the score and the noise.  Settings go to Python, which runs all steps and sends them back;
// the step slider and the play button only pick one of them.

function particleView(model) {
  const [low, high] = model.get("x_range");
  const top = model.get("top");
  const marks = Array.from({ length: 9 }, (_, i) => i - 4);
  const axes = plot({
    width: 410, height: 250, x: [low, high], y: [0, top], xLabel: "x", title: "where the particles are",
    xTicks: marks, yTicks: [0, 0.25, 0.5, 0.75, 1].filter((v) => v < top),
  });
  const even = (n, i) => low + ((high - low) * i) / n;
  const curve = (values) =>
    through(axes, Float64Array.from(values, (_, i) => even(values.length - 1, i)), values);
  const area = axes.path("area");
  axes.path("faint").setAttribute("d", curve(numbers(model, "clean", Float32Array)));
  const target = axes.path("a");
  const bars = axes.path("b");
  const dots = axes.path("dots");
  const outline = (counts) => {
    let d = `M${axes.box.left} ${axes.box.bottom}`;
    counts.forEach((count, i) => {
      d += `V${axes.at_y(count).toFixed(1)}H${axes.at_x(even(counts.length, i + 1)).toFixed(1)}`;
    });
    return `${d}V${axes.box.bottom}`;
  };
  const setTarget = () => {
    const line = curve(numbers(model, "smooth", Float32Array));
    target.setAttribute("d", line);
    area.setAttribute("d", `${line}V${axes.box.bottom}H${axes.box.left}Z`);
  };
  const draw = (hist, places) => {
    bars.setAttribute("d", outline(hist));
    dots.setAttribute("d", Array.from(places, (v, i) =>
      `M${axes.at_x(v).toFixed(1)} ${(axes.box.bottom - 5 - 3 * (i % 4)).toFixed(1)}h0`).join(""));
  };
  return { root: axes.root, setTarget, draw };
}

function shareView(model) {
  const steps = model.get("steps");
  const axes = plot({
    width: 280, height: 250, x: [0, steps], y: [0, 1], xLabel: "step k", title: "share on the right",
    xTicks: [0, steps / 4, steps / 2, (3 * steps) / 4, steps], yTicks: [0, 0.25, 0.5, 0.75, 1],
  });
  const goal = axes.path("c");
  const line = axes.path("a");
  const mark = axes.path("mark");
  const xs = Float64Array.from({ length: steps + 1 }, (_, i) => i);
  const setLine = (share, truth) => {
    line.setAttribute("d", through(axes, xs, share));
    goal.setAttribute("d", through(axes, [0, steps], [truth, truth]));
  };
  const draw = (share, k) => mark.setAttribute("d", `M${axes.at_x(k).toFixed(1)} ${axes.at_y(share[k]).toFixed(1)}h0`);
  return { root: axes.root, setLine, draw };
}

function render({ model, el }) {
  const steps = model.get("steps");
  const eta = sliderRow("size η", "η, the step size", 9, { min: -2.3, max: 0.3, step: 0.02 });
  const sigma = sliderRow("level σ", "σ, smoothing of the target", 9, { min: 0, max: 3, step: 0.02 });
  const step = sliderRow("step k", "k, the step shown", 9, { min: 0, max: steps, step: 1 });
  const start = html("select", { "aria-label": "where the particles start" },
    ...model.get("starts").map((name) => html("option", { value: name }, name)));
  const play = player(model, "k", steps, 1);
  const crossing = html("strong", { class: "dk-number" });
  const shareNow = html("strong", { class: "dk-number" });
  const truth = html("strong", { class: "dk-number" });
  const verdict = html("p", { class: "dk-message", "aria-live": "polite" });
  const error = html("p", { class: "dk-message dk-error", role: "alert" });
  const particles = particleView(model);
  const right = shareView(model);
  let hist, dots, share;

  const draw = () => {
    const k = model.get("k");
    const row = (table) => table.subarray((k * table.length) / (steps + 1), ((k + 1) * table.length) / (steps + 1));
    particles.draw(row(hist), row(dots));
    right.draw(share, k);
    step.show(k, `${k} of ${steps}`);
    shareNow.textContent = share[k].toFixed(2);
    const words = `after ${k} of ${steps} steps with eta ${readable(model.get("eta"))} and sigma ${readable(model.get("sigma"))}, start ${model.get("start")}`;
    particles.root.setAttribute("aria-label", `Histogram of the particles ${words}, over the density they should have.`);
    right.root.setAttribute("aria-label",
      `Share of the particles on the right ${words}: ${share[k].toFixed(2)}; in the target it is ${model.get("truth").toFixed(2)}.`);
  };
  const load = () => {
    hist = numbers(model, "hist", Float32Array);
    dots = numbers(model, "dots", Float32Array);
    share = numbers(model, "share", Float32Array);
    particles.setTarget();
    right.setLine(share, model.get("truth"));
    truth.textContent = model.get("truth").toFixed(2);
    crossing.textContent = `${Math.round(model.get("crossing")).toLocaleString("en")} steps`;
    verdict.textContent = model.get("verdict");
    draw();
  };
  const showSettings = () => {
    eta.show(Math.log10(model.get("eta")), readable(model.get("eta")));
    sigma.show(model.get("sigma"), readable(model.get("sigma")));
    start.value = model.get("start");
  };
  const showError = () => { error.textContent = model.get("error") && `${model.get("error")}.`; };
  const send = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  step.input.addEventListener("input", () => { play.stop(); send("k", Number(step.input.value)); });
  eta.input.addEventListener("input", () => send("eta", Number((10 ** Number(eta.input.value)).toPrecision(3))));
  sigma.input.addEventListener("input", () => send("sigma", Number(sigma.input.value)));
  start.addEventListener("change", () => send("start", start.value));
  const listeners = [["change:k", draw], ["change:hist", load], ["change:error", showError],
    ...["eta", "sigma", "start"].map((name) => [`change:${name}`, showSettings])];
  listeners.forEach(([event, action]) => model.on(event, action));

  const controls = html("div", { class: "dk-settings" },
    eta.row, sigma.row, step.row,
    html("div", { class: "dk-setting" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "start"), start, play.button));
  const answer = html("div", { class: "dk-answer" },
    html("div", {}, "Mean time from the left mode to the right one: ", crossing),
    html("div", {}, "Share on the right now: ", shareNow, ", in the target ", truth), verdict, error);
  const key = legend([["a", "target, smoothed by σ"], ["faint", "target itself"], ["b", "particles (dots: some)"], ["c", "share in the target"]]);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Langevin particles explorer" },
    html("div", { class: "dk-row dk-top" }, controls, answer),
    html("div", { class: "dk-row dk-panels" }, particles.root, right.root), key);
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
