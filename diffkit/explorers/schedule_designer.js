// The schedule designer: settings go to Python, curves come back.  Python keeps up by itself: while one answer is
// under way, the notebook's widget manager holds only the newest settings back, and drops those between.

const KINDS = { linear: ["beta_1", "beta_T"], cosine: ["s"], sigmoid: ["start", "end"] };

// A slider may be logarithmic; the field beside it takes any number, so that bad settings can be tried as well.
const SETTINGS = {
  T: { sign: () => ["T"], label: "T, number of steps", low: 10, high: 4000, log: true, round: true },
  beta_1: { sign: () => [sub("β", "1")], label: "beta 1, the first", low: 1e-5, high: 0.5, log: true },
  beta_T: { sign: () => [sub("β", "T")], label: "beta T, the last", low: 1e-4, high: 0.999, log: true },
  s: { sign: () => ["s"], label: "s, offset near t = 0", low: 0, high: 0.3, step: 0.002 },
  start: { sign: () => ["start"], label: "start of the sigmoid", low: -8, high: 2, step: 0.1 },
  end: { sign: () => ["end"], label: "end of the sigmoid", low: -2, high: 8, step: 0.1 },
};

function setting(model, name, { sign, label, low, high, log, round, step }) {
  const into = log ? Math.log10 : (v) => v;
  const outOf = (v) => (round ? Math.round(10 ** v) : Number((log ? 10 ** v : v).toPrecision(3)));
  const slider = html("input", {
    type: "range", min: into(low), max: into(high), step: log ? 0.01 : step, "aria-label": label,
  });
  const field = html("input", { type: "number", step: "any", "aria-label": `${label}, exact value`, style: "width: 92px" });
  const show = () => {
    const value = model.get(name);
    slider.value = into(value);
    slider.setAttribute("aria-valuetext", readable(value));
    field.value = String(value);
  };
  const send = (value) => {
    if (!Number.isFinite(value)) return show(); // an empty field: back to the last value
    model.set(name, value);
    model.save_changes();
  };
  slider.addEventListener("input", () => send(outOf(Number(slider.value))));
  field.addEventListener("change", () => send(field.valueAsNumber));
  const row = html("div", { class: "dk-setting" }, html("span", { class: "dk-name", "aria-hidden": "true" }, ...sign()), slider, field);
  show();
  return { row, show };
}

function panel(title, low, high, yTicks) {
  const axes = plot({
    width: 244, height: 200, x: [0, 1], y: [low, high], title, xLabel: "t / T", xTicks: [0, 0.5, 1], yTicks,
  });
  const reference = axes.path("faint");
  return { root: axes.root, title, axes, reference, own: axes.path("a") };
}

const powers = (...exponents) => exponents.map((e) => [e, e === 0 ? "1" : `10${raised(e)}`]);

function render({ model, el }) {
  const kind = html("select", { "aria-label": "kind of schedule" },
    ...Object.keys(KINDS).map((name) => html("option", { value: name }, name)));
  const settings = Object.fromEntries(Object.entries(SETTINGS).map(([name, spec]) => [name, setting(model, name, spec)]));
  const panels = [
    panel("βₜ, added noise", -6, 0, powers(-6, -4, -2, 0)),
    panel("ᾱₜ, signal left", 0, 1, [0, 0.5, 1]),
    panel("SNR, signal / noise", -9, 5, powers(-8, -4, 0, 4)),
  ];
  const value = html("strong", { class: "dk-number" });
  const verdict = html("p", { class: "dk-message", "aria-live": "polite" });
  const caption = html("p", { class: "dk-number" });
  const error = html("p", { class: "dk-message dk-error", role: "alert" });

  const draw = () => {
    const table = numbers(model, "curves", Float64Array);
    const size = table.length / 4;
    const words = `for the schedule ${model.get("caption")}, against t over T; DDPM's schedule is the dashed line.`;
    panels.forEach(({ root, title, axes, own }, k) => {
      own.setAttribute("d", through(axes, table.subarray(0, size), table.subarray((k + 1) * size, (k + 2) * size)));
      root.setAttribute("aria-label", `${title} ${words}`);
    });
    value.textContent = `${readable(model.get("kl"))} nats`;
    verdict.replaceChildren(...written(model.get("verdict")));
    caption.replaceChildren("Shown: ", ...written(model.get("caption")));
  };
  const showKind = () => {
    kind.value = model.get("kind");
    for (const [name, { row }] of Object.entries(settings)) row.hidden = name !== "T" && !KINDS[kind.value].includes(name);
  };
  const showError = () => {
    const text = model.get("error");
    error.textContent = text && (/[.!?]$/.test(text) ? text : `${text}.`);
  };
  kind.addEventListener("change", () => {
    model.set("kind", kind.value);
    model.save_changes();
  });
  const listeners = [["change:curves", draw], ["change:kind", showKind], ["change:error", showError],
    ...Object.entries(settings).map(([name, { show }]) => [`change:${name}`, show])];
  listeners.forEach(([event, action]) => model.on(event, action));

  const given = numbers(model, "reference", Float64Array);
  const size = given.length / 4;
  panels.forEach(({ axes, reference }, k) => reference.setAttribute("d",
    through(axes, given.subarray(0, size), given.subarray((k + 1) * size, (k + 2) * size))));

  const controls = html("div", { class: "dk-settings" },
    html("div", { class: "dk-setting" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "schedule"), kind),
    ...Object.values(settings).map(({ row }) => row));
  const answer = html("div", { class: "dk-answer" },
    html("div", {}, "KL( q(", sub("x", "T"), " | x₀) ‖ N(0, I) ) = ", value),
    html("div", { class: "dk-soft" }, `mean over ${model.get("digit_count").toLocaleString("en")} digits`), verdict, error);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Noise schedule designer" },
    html("div", { class: "dk-row dk-top" }, controls, answer),
    html("div", { class: "dk-row dk-panels" }, ...panels.map(({ root: picture }) => picture)),
    html("div", { class: "dk-row" }, legend([["a", "this schedule"], ["faint", "DDPM: linear, T = 1000"]]), caption));
  keepKeys(root);
  el.append(root);
  showKind();
  showError();
  draw();
  return () => listeners.forEach(([event, action]) => model.off(event, action));
}

export default { render };
