// Quality against calls.  Python sent every curve and every histogram; a move only picks among them.

function qualityCurves(methods, floors, crowds, far) {
  const [low, high] = [-4, 0.5];
  const words = (power) => (power === 0 ? "1" : power === 1 ? "10" : `10${raised(power)}`);
  const ticks = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => [from + i, words(from + i)]);
  const axes = plot({
    width: 380, height: 290, x: [0, far], y: [low, high], title: "distance from the data",
    xLabel: "calls of the network", xTicks: ticks(0, far), yTicks: ticks(low, 0),
  });
  floors.forEach((value, i) => {
    const y = Math.log10(value);
    axes.path("faint").setAttribute("d", through(axes, [0, far], [y, y]));
    const note = svg("text", { x: axes.box.right - 4, y: axes.at_y(y) - 4, "text-anchor": "end" });
    note.textContent = `${crowds[i].toLocaleString("en")} right samples`;
    axes.root.append(note);
  });
  const others = methods.map(() => {
    const line = axes.path("paths");
    line.style.opacity = "0.4";
    return line;
  });
  const lines = ["b", "a"].map((style) => axes.path(style));
  const dots = ["b", "a"].map((style) => {
    const dot = axes.path(style);
    dot.style.strokeDasharray = "none";
    dot.style.strokeWidth = "10";
    return dot;
  });
  // curve(m): [log10 calls, log10 distance] of method m; two: the methods beside and chosen; k: the budget.
  const draw = (curve, two, k) => {
    others.forEach((line, m) => line.setAttribute("d", through(axes, ...curve(m))));
    two.forEach((m, i) => {
      const [x, y] = curve(m);
      lines[i].setAttribute("d", through(axes, x, y));
      dots[i].setAttribute("d", through(axes, [x[k]], [y[k]]));
    });
  };
  return { root: axes.root, draw };
}

function madeView(reach, bins, truth) {
  const top = 1.6 * Math.max(...truth); // the same for all, so that the picture does not jump
  const axes = plot({
    width: 340, height: 290, x: [-reach, reach], y: [0, top], title: "what they make",
    xLabel: "x", xTicks: [-2, -1, 0, 1, 2], yTicks: [0, 0.5, 1],
  });
  const centres = Float64Array.from({ length: bins }, (_, i) => -reach + (2 * reach * (i + 0.5)) / bins);
  const area = axes.path("area");
  area.setAttribute("d", `${through(axes, centres, truth)}V${axes.box.bottom}H${axes.at_x(centres[0])}Z`);
  axes.path("c").setAttribute("d", through(axes, centres, truth));
  const lines = ["b", "a"].map((style) => axes.path(style));
  const note = axes.root.appendChild(svg("text", { x: axes.box.right, y: 14, "text-anchor": "end" }));
  const draw = (two) => {
    two.forEach((bars, i) => lines[i].setAttribute("d", through(axes, centres, bars)));
    const highest = Math.max(...two.map((bars) => Math.max(...bars)));
    note.textContent = highest > top ? `cut off: up to ${readable(highest)}` : "";
  };
  return { root: axes.root, draw };
}

function choice(model, trait, values, words, label) {
  const select = html("select", { "aria-label": label },
    ...values.map((value, i) => html("option", { value }, words[i])));
  select.addEventListener("change", () => {
    model.set(trait, select.value);
    model.save_changes();
  });
  return select;
}

function render({ model, el }) {
  const [methods, names, budgets, bins] = ["methods", "names", "budgets", "bins"].map((name) => model.get(name));
  const [spacings, floors, crowds] = ["spacings", "floors", "crowds"].map((name) => model.get(name));
  const [M, C] = [methods.length, budgets.length];
  const spent = numbers(model, "spent", Float64Array);
  const distances = numbers(model, "distances", Float64Array);
  const made = numbers(model, "made", Float32Array);
  const logs = Array.from(distances, Math.log10);
  const log_calls = Array.from(spent, Math.log10);

  const first = choice(model, "method", methods, names, "sampler");
  const second = choice(model, "beside", methods, names, "sampler to compare with");
  const where = choice(model, "spacing", spacings, model.get("spacing_names"), "spacing of the noise levels");
  const slider = html("input", { type: "range", min: 0, max: C - 1, step: 1, "aria-label": "calls of the network" });
  const count = html("output", { class: "dk-number", style: "min-width: 13ch" });
  const left = qualityCurves(methods, floors, crowds, Math.max(1, Math.ceil(Math.log10(budgets[C - 1]))));
  const right = madeView(model.get("reach"), bins, numbers(model, "truth", Float32Array));
  const titles = [0, 1, 2].map(() => html("span", {}));
  const values = [0, 1, 2].map(() => html("span", { class: "dk-number" }));
  titles[2].textContent = `for scale: ${crowds[0].toLocaleString("en")} random samples that are right, distance`;
  values[2].textContent = readable(floors[0]);

  const draw = () => {
    const k = model.get("chosen");
    const row = spacings.indexOf(model.get("spacing"));
    const pick = ["beside", "method"].map((trait) => methods.indexOf(model.get(trait)));
    const at = (m) => (row * M + m) * C;
    left.draw((m) => [log_calls.slice(m * C, (m + 1) * C), logs.slice(at(m), at(m) + C)], pick, k);
    right.draw(pick.map((m) => made.subarray((at(m) + k) * bins, (at(m) + k + 1) * bins)));
    [second.value, first.value, where.value, slider.value] = [methods[pick[0]], methods[pick[1]], spacings[row], k];
    count.textContent = `${budgets[k]} call${budgets[k] > 1 ? "s at most" : ""}`;
    const found = [pick[1], pick[0]].map((m, i) => {
      titles[i].textContent = `${names[m]}: ${spent[m * C + k]} call${spent[m * C + k] > 1 ? "s" : ""}, distance`;
      values[i].textContent = readable(distances[at(m) + k]);
      return `${names[m]} ${values[i].textContent}`;
    });
    slider.setAttribute("aria-valuetext", `${count.textContent}: distance of ${found.join(", of ")}`);
    left.root.setAttribute("aria-label", `Distance from the data against calls, for ${M} samplers. ${found.join("; ")}.`);
    right.root.setAttribute("aria-label", `Density of the data, and of what ${names[pick[1]]} and ${names[pick[0]]} make.`);
  };
  slider.addEventListener("input", () => {
    model.set("chosen", Number(slider.value));
    model.save_changes();
  });
  const listeners = ["chosen", "method", "beside", "spacing"].map((trait) => `change:${trait}`);
  listeners.forEach((event) => model.on(event, draw));

  const setting = (name, control) => html("label", { class: "dk-row" }, html("span", { class: "dk-name" }, name), control);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Quality against calls explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "calls"), slider, count),
    html("div", { class: "dk-row" }, setting("sampler", first), setting("beside", second), setting("levels", where)),
    html("div", { class: "dk-row dk-top" },
      html("div", {}, left.root, legend([["a", "sampler"], ["b", "beside"], ["paths", "others"]])),
      html("div", {}, right.root, legend([["c", "data"], ["a", "sampler"], ["b", "beside"]]))),
    html("div", { class: "dk-readouts" }, ...titles.flatMap((title, i) => [title, values[i]])));
  keepKeys(root);
  el.append(root);
  draw();
  return () => listeners.forEach((event) => model.off(event, draw));
}

export default { render };
