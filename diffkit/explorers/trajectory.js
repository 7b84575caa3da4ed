// The way back from noise.  Python sent every frame; a move only picks one of them.

// A row of gray images, a canvas pixel per data pixel; CSS enlarges it.
function rowView(count, height, width, caption) {
  const across = count * (width + 1) - 1;
  const canvas = html("canvas", { width: across, height, role: "img", style: `width: ${6 * across}px; height: ${6 * height}px; border: 0` });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(across, height);
  const draw = (frames, from, words) => {
    for (let n = 0; n < count; n++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = 4 * (y * across + n * (width + 1) + x);
          picture.data.fill(frames[from + (n * height + y) * width + x], at, at + 3);
          picture.data[at + 3] = 255;
        }
      }
    }
    context.putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", words);
  };
  return { root: html("figure", { style: "text-align: left" }, canvas, html("figcaption", {}, caption)), draw };
}

function pointsView(reach) {
  const size = 520;
  const canvas = html("canvas", { width: size, height: size, role: "img", style: "width: 260px; height: 260px; image-rendering: auto" });
  let now = [];
  const paint = (color) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    context.fillStyle = color ?? context.fillStyle;
    context.globalAlpha = 0.8;
    for (let i = 0; i < now.length; i += 2) {
      context.beginPath();
      context.arc(size * (0.5 + now[i] / (2 * reach)), size * (0.5 - now[i + 1] / (2 * reach)), 4, 0, 7);
      context.fill();
    }
  };
  const draw = (points, words) => {
    now = points;
    paint();
    canvas.setAttribute("aria-label", words);
  };
  const stop = followTheme(canvas, "--a", paint);
  return { root: html("figure", {}, canvas, html("figcaption", {}, "points with the exact predictor")), draw, stop };
}

function render({ model, el }) {
  const T = model.get("T");
  const [count, height, width] = model.get("image_shape");
  const frames = numbers(model, "frames", Uint8Array);
  const points = numbers(model, "points", Float32Array);
  const tables = numbers(model, "tables", Float64Array);
  const row = count * height * width;
  const slider = html("input", { type: "range", min: 0, max: T, step: 1, "aria-label": "steps taken, from noise to data" });
  const counter = html("output", { class: "dk-number", style: "min-width: 14ch" });
  const button = html("button", { type: "button" }, "Play");
  const now = rowView(count, height, width, "xₜ, the images on their way");
  const guess = rowView(count, height, width, "x̂₀, what the network believes they will become");
  const cloud = pointsView(model.get("reach"));
  const readout = html("div", { class: "dk-number dk-soft" });
  let timer = null;

  const draw = () => {
    const taken = model.get("taken");
    const t = T - taken;
    const level = `ᾱₜ = ${readable(tables[t])}, SNR = ${readable(tables[T + 1 + t])}`;
    slider.value = taken;
    counter.textContent = `t = ${t} of ${T}`;
    readout.textContent = level;
    slider.setAttribute("aria-valuetext", `t ${t} of ${T}, ${taken} steps taken: ${level}`);
    now.draw(frames, 2 * taken * row, `${count} images at step ${t} of ${T}: pure noise at ${T}, clean at 0.`);
    guess.draw(frames, (2 * taken + 1) * row, `What the network believes at step ${t} the ${count} images will become.`);
    const size = 2 * model.get("count");
    cloud.draw(points.subarray(taken * size, (taken + 1) * size),
      `${model.get("count")} points at step ${t} of ${T}: a round cloud at ${T}, the clusters of the data at 0.`);
  };
  const move = (taken) => {
    model.set("taken", taken);
    model.save_changes();
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    button.textContent = "Stop";
    if (model.get("taken") === T) move(0);
    timer = setInterval(() => (model.get("taken") < T ? move(model.get("taken") + 1) : stop()), 40);
  });
  slider.addEventListener("input", () => {
    stop();
    move(Number(slider.value));
  });
  model.on("change:taken", draw);

  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Trajectory explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "noise → data"), slider, counter, button),
    html("div", { class: "dk-row dk-top" }, html("div", {}, now.root, guess.root, readout), cloud.root));
  keepKeys(root);
  el.append(root);
  draw();
  return () => {
    stop();
    cloud.stop();
    model.off("change:taken", draw);
  };
}

export default { render };
