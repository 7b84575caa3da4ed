// The forward process on a density and on a digit.  Python sent every frame; a move only picks one of them.

function densityView(model) {
  const [low, high] = model.get("x_range");
  const top = model.get("density_top");
  const size = model.get("grid_size");
  const steps = model.get("T") + 1;
  const gap = top > 4 ? 2 : top > 2 ? 1 : top > 1 ? 0.5 : 0.2;
  const whole = Math.floor(high) - Math.ceil(low) + 1;
  const axes = plot({
    width: 440, height: 250, x: [low, high], y: [0, top], xLabel: "x", title: "density of xₜ, one dimension",
    xTicks: Array.from({ length: whole }, (_, i) => Math.ceil(low) + i),
    yTicks: Array.from({ length: Math.floor(top / gap) + 1 }, (_, i) => Number((i * gap).toFixed(1))),
  });
  const xs = Float64Array.from({ length: size }, (_, i) => low + ((high - low) * i) / (size - 1));
  const line = (table, row) => {
    const counts = table.subarray(row * size, (row + 1) * size); // 65535 stands for the top of the frame
    return through(axes, xs, Float64Array.from(counts, (count) => (count * top) / 65535));
  };
  const density = numbers(model, "density", Uint16Array);
  const components = numbers(model, "components", Uint16Array);
  const area = axes.path("area");
  const parts = Array.from({ length: components.length / (steps * size) }, () => axes.path("b"));
  axes.path("c").setAttribute("d", line(numbers(model, "prior", Uint16Array), 0));
  const sum = axes.path("a");
  const draw = (t) => {
    const outline = line(density, t);
    sum.setAttribute("d", outline);
    area.setAttribute("d", `${outline}V${axes.box.bottom}H${axes.box.left}Z`);
    parts.forEach((part, k) => part.setAttribute("d", line(components, k * steps + t)));
  };
  return { root: axes.root, draw };
}

// One gray image, a canvas pixel per data pixel; CSS enlarges it.
function imageView(height, width, caption) {
  const canvas = html("canvas", { width, height, role: "img", style: "width: 136px; height: 136px" });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  picture.data.fill(255);
  const draw = (frames, t, words) => {
    for (let i = 0; i < width * height; i++) {
      picture.data.fill(frames[t * width * height + i], 4 * i, 4 * i + 3);
    }
    context.putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", words);
  };
  return { root: html("figure", {}, canvas, html("figcaption", {}, caption)), draw };
}

function readoutView(names) {
  const values = names.map(() => html("span", { class: "dk-number" }));
  const root = html("div", { class: "dk-readouts" }, ...names.flatMap((name, i) => [html("span", {}, name), values[i]]));
  return { root, draw: (texts) => texts.forEach((text, i) => { values[i].textContent = text; }) };
}

function render({ model, el }) {
  const T = model.get("T");
  const [alphaBar, snr, kl] = [0, 1, 2].map((k) => numbers(model, "tables", Float64Array).slice(k * (T + 1), (k + 1) * (T + 1)));
  const slider = html("input", { type: "range", min: 0, max: T, step: 1, "aria-label": "t, the step of the forward process" });
  const count = html("output", { class: "dk-number", style: `min-width: ${2 * String(T).length + 8}ch` });
  const button = html("button", { type: "button" }, "New noise");
  const status = html("span", { class: "dk-unseen", "aria-live": "polite" });
  const density = densityView(model);
  const clean = imageView(...model.get("image_shape"), "x₀, a digit");
  const noisy = imageView(...model.get("image_shape"), "xₜ, one fixed ε");
  const readouts = readoutView(["ᾱₜ, signal left", "SNR = ᾱₜ / (1 − ᾱₜ)", "KL( q(xₜ | x₀) ‖ N(0, I) )"]);
  let frames = numbers(model, "frames", Uint8Array);

  const draw = () => {
    const t = model.get("t");
    slider.value = t;
    count.textContent = `t = ${t} of ${T}`;
    const numbersNow = `alpha bar ${readable(alphaBar[t])}, signal to noise ${readable(snr[t])}, KL ${readable(kl[t])} nats`;
    slider.setAttribute("aria-valuetext", `t ${t} of ${T}: ${numbersNow}`);
    density.draw(t);
    density.root.setAttribute("aria-label",
      `Density of x at step ${t} of ${T}: the mixture's bumps at step 0, closer to the dashed N(0, 1) as t grows. ${numbersNow}.`);
    noisy.draw(frames, t, `The digit at step ${t} of ${T}: signal to noise ratio ${readable(snr[t])}.`);
    readouts.draw([readable(alphaBar[t]), readable(snr[t]), `${readable(kl[t])} nats`]);
  };
  const newFrames = () => {
    frames = numbers(model, "frames", Uint8Array);
    status.textContent = `Noise number ${model.get("draws") + 1}.`;
    draw();
  };
  slider.addEventListener("input", () => {
    model.set("t", Number(slider.value));
    model.save_changes();
  });
  button.addEventListener("click", () => {
    status.textContent = "Asking the kernel for new noise.";
    model.set("draws", model.get("draws") + 1);
    model.save_changes();
  });
  model.on("change:t", draw);
  model.on("change:frames", newFrames);

  const key = legend([["a", "density of xₜ"], ["b", "its components"], ["c", "N(0, 1)"]]);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Forward process explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "t"), slider, count, button, status),
    html("div", { class: "dk-row dk-top" }, html("div", {}, density.root, key),
      html("div", {}, html("div", { class: "dk-row" }, clean.root, noisy.root), readouts.root)));
  keepKeys(root);
  el.append(root);
  clean.draw(frames, 0, "The clean digit x at step 0.");
  draw();
  return () => {
    model.off("change:t", draw);
    model.off("change:frames", newFrames);
  };
}

export default { render };
