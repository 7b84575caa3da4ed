// What each step costs: bars over t.  Python computes every number; a move of t only picks a bar.

const WIDTH = 720;
const HEIGHT = 250;

// A round number just above the highest bar, and ticks up to it.
function ticksTo(highest) {
  const unit = 10 ** Math.floor(Math.log10(highest));
  const step = [0.2, 0.5, 1, 2, 5].map((k) => k * unit).find((k) => highest / k <= 5) ?? 5 * unit;
  const count = Math.ceil(highest / step);
  return { top: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => [i * step, String(Number((i * step).toPrecision(2)))]) };
}

function barsOf(model) {
  const T = model.get("T");
  const table = numbers(model, "tables", Float64Array);
  const row = (k) => table.subarray(k * (T + 1), (k + 1) * (T + 1));
  const [means, variances, weight, error] = [0, 1, 2, 3].map(row);
  const highest = Math.max(...means.map((v, t) => v + variances[t]), 1e-12);
  const { top, ticks } = ticksTo(highest);
  const every = T <= 20 ? 2 : T / 10;
  const axes = plot({
    width: WIDTH, height: HEIGHT, x: [1, T + 1], y: [0, top], xLabel: "t", title: "Lₜ₋₁ in nats, one bar per step",
    xTicks: Array.from({ length: T }, (_, i) => i + 1).filter((t) => t % every === 0), yTicks: ticks,
  });
  const half = Math.max(0.8, 0.4 * (axes.at_x(2) - axes.at_x(1)));
  const bar = (t, low, high, style) => axes.root.append(svg("rect", {
    x: axes.at_x(t) - half, width: 2 * half, y: axes.at_y(high), height: Math.max(0, axes.at_y(low) - axes.at_y(high)), ...style,
  }));
  for (let t = 2; t <= T; t++) {
    bar(t, 0, means[t], { style: "fill: var(--a)" });
    bar(t, means[t], means[t] + variances[t], { style: "fill: var(--b)" });
  }
  // The pointer is a triangle and a line: it does not depend on colour.
  const pointer = axes.root.appendChild(svg("path", { style: "fill: none; stroke: var(--ink); stroke-width: 1.5" }));
  const point = (t) => {
    const x = axes.at_x(t);
    pointer.setAttribute("d", `M${x} ${axes.box.bottom}V${axes.box.top}M${x - 5} ${axes.box.top - 6}L${x + 5} ${axes.box.top - 6}L${x} ${axes.box.top}Z`);
  };
  return { T, means, variances, weight, error, root: axes.root, point };
}

function choice(model, name, label, options) {
  const select = html("select", { "aria-label": label }, ...options.map(([value, words]) => html("option", { value }, words)));
  const show = () => { select.value = String(model.get(name)); };
  select.addEventListener("change", () => {
    model.set(name, name === "T" ? Number(select.value) : select.value);
    model.save_changes();
  });
  show();
  return { select, show };
}

function slider(model, name, label, low, high, step, words) {
  const input = html("input", { type: "range", min: low, max: high, step, "aria-label": label });
  const output = html("output", { class: "dk-number", style: "min-width: 7ch" });
  const show = () => {
    input.value = model.get(name);
    output.textContent = words();
    input.setAttribute("aria-valuetext", words());
  };
  input.addEventListener("input", () => {
    model.set(name, Number(input.value));
    model.save_changes();
  });
  return { input, output, show };
}

function render({ model, el }) {
  let bars = barsOf(model);
  const place = html("div", {}, bars.root);
  const steps = choice(model, "T", "T, number of steps", [10, 20, 50, 100, 200].map((T) => [T, `T = ${T}`]));
  const sigma = choice(model, "sigma", "variance of the model's step", [["beta", "σ² = βₜ"], ["beta_tilde", "σ² = β̃ₜ"]]);
  const share = slider(model, "share", "share of the best prediction", 0, 1, 0.01, () => `${Math.round(100 * model.get("share"))} %`);
  const time = slider(model, "t", "t, the step", 2, model.get("T"), 1, () => `t = ${model.get("t")}`);
  const names = ["Lₜ₋₁ at this t", "λₜ × squared error", "Cₜ, the variances differ", sub("L", "T"), "sum of all bars", "L₀ (a density)", "the whole bound", "entropy of the data", "bound − entropy"];
  const values = names.map(() => html("span", { class: "dk-number" }));
  const readouts = html("div", { class: "dk-readouts" }, ...names.flatMap((name, i) => [html("span", {}, name), values[i]]));
  const caption = html("p", { class: "dk-number dk-soft", "aria-live": "polite" });

  const pick = () => {
    const t = Math.min(model.get("t"), bars.T);
    bars.point(t);
    time.show();
    const [L_T, middle, L_0, total, entropy] = numbers(model, "sums", Float64Array);
    const { means, variances, weight, error } = bars;
    const nats = (v) => `${readable(v)} nats`;
    const texts = [nats(means[t] + variances[t]), `${readable(weight[t])} × ${readable(error[t])} = ${readable(means[t])} nats`,
      nats(variances[t]), nats(L_T), nats(middle), nats(L_0), nats(total), nats(entropy), nats(total - entropy)];
    texts.forEach((text, i) => { values[i].textContent = text; });
    bars.root.setAttribute("aria-label",
      `Bars of the middle terms for ${model.get("caption")}. At t = ${t}: ${texts[0]}. Whole bound ${texts[6]}, entropy of the data ${texts[7]}.`);
  };
  const draw = () => {
    bars = barsOf(model);
    place.replaceChildren(bars.root);
    time.input.max = bars.T;
    caption.textContent = `Shown: ${model.get("caption").replace("variance beta_tilde", "σ² = β̃ₜ").replace("variance beta", "σ² = βₜ")}`;
    [steps, sigma, share].forEach((control) => control.show());
    pick();
  };
  model.on("change:tables", draw);
  model.on("change:t", pick);

  const name = (words) => html("span", { class: "dk-name", "aria-hidden": "true" }, words);
  const patch = (color, words) => html("span", { class: "dk-row", style: "gap: 6px" },
    html("span", { style: `width: 14px; height: 14px; background: ${color}`, "aria-hidden": "true" }), words);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Terms of the bound" },
    html("div", { class: "dk-row" }, steps.select, sigma.select, name("prediction"), share.input, share.output),
    html("div", { class: "dk-row" }, name("t"), time.input, time.output),
    place,
    html("div", { class: "dk-row", style: "padding-left: 40px" }, patch("var(--a)", "means apart (lower part)"), patch("var(--b)", "variances differ (upper part)")),
    caption, readouts);
  keepKeys(root);
  el.append(root);
  draw();
  return () => {
    model.off("change:tables", draw);
    model.off("change:t", pick);
  };
}

export default { render };
