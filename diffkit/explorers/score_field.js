// The score at every noise level.  Python sent every frame; a move only picks one of them.

const SIZE = 196; // pixels of a panel's inside

// Arrows as one path.  ends: pairs (dx, dy) for the places of a square grid, the second coordinate running fastest.
function arrowPath(axes, reach, side, ends) {
  const scale = SIZE / (2 * reach);
  let out = "";
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const k = 2 * (i * side + j);
      const dx = ends[k] * scale;
      const dy = -ends[k + 1] * scale;
      const x = axes.at_x(-reach + (2 * reach * i) / (side - 1));
      const y = axes.at_y(-reach + (2 * reach * j) / (side - 1));
      // The shaft, then a head of two strokes that turn back by 30 degrees and are a third as long.
      const bx = -dx * 0.3, by = -dy * 0.3, c = 0.866, s = 0.5;
      out += `M${x.toFixed(1)} ${y.toFixed(1)}l${dx.toFixed(1)} ${dy.toFixed(1)}`
        + `l${(c * bx - s * by).toFixed(1)} ${(s * bx + c * by).toFixed(1)}`
        + `M${(x + dx).toFixed(1)} ${(y + dy).toFixed(1)}l${(c * bx + s * by).toFixed(1)} ${(-s * bx + c * by).toFixed(1)}`;
    }
  }
  return out;
}

function fieldView(model, title, ink) {
  const [reach, side, pixels] = ["reach", "side", "pixels"].map((name) => model.get(name));
  const axes = plot({
    width: SIZE + 50, height: SIZE + 64, x: [-reach, reach], y: [-reach, reach], title, xLabel: "x₁", yLabel: "x₂",
    xTicks: [-2, 0, 2], yTicks: [-2, 0, 2],
  });
  const canvas = html("canvas", {
    width: pixels, height: pixels, "aria-hidden": "true",
    style: `position: absolute; left: ${axes.box.left}px; top: ${axes.box.top}px; width: ${SIZE}px; height: ${SIZE}px;`
      + "border: none; image-rendering: auto",
  });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(pixels, pixels);
  axes.root.style.position = "relative";
  axes.root.style.maxWidth = "none";
  const dots = axes.path("b");
  dots.style.strokeWidth = 3;
  dots.style.strokeDasharray = "none";
  const arrows = axes.path("a");
  arrows.style.stroke = "var(--ink)";
  arrows.style.strokeWidth = 1;
  const draw = (ends, shade, words) => {
    arrows.setAttribute("d", arrowPath(axes, reach, side, ends));
    for (let row = 0; row < pixels; row++) { // the data's rows go up, the screen's go down
      for (let column = 0; column < pixels; column++) {
        const to = 4 * ((pixels - 1 - row) * pixels + column);
        picture.data.set(ink, to);
        picture.data[to + 3] = 0.65 * shade[row * pixels + column];
      }
    }
    context.putImageData(picture, 0, 0);
    axes.root.setAttribute("aria-label", `${title}: ${words}`);
  };
  const mark = (points) => {
    let out = "";
    for (let i = 0; i < points.length; i += 2) out += `M${axes.at_x(points[i]).toFixed(1)} ${axes.at_y(points[i + 1]).toFixed(1)}h0`;
    dots.setAttribute("d", out);
  };
  const root = html("div", { style: `position: relative; width: ${SIZE + 50}px` }, canvas, axes.root);
  return { root, draw, mark };
}

function render({ model, el }) {
  const sigmas = model.get("sigmas");
  const [side, pixels] = [model.get("side"), model.get("pixels")];
  const arrows = numbers(model, "arrows", Float32Array);
  const shades = numbers(model, "shades", Uint8Array);
  const tables = numbers(model, "tables", Float64Array);
  const dots = numbers(model, "dots", Float32Array);
  const blue = [86, 180, 233];
  const orange = [230, 120, 0];
  const views = [fieldView(model, "true score", blue), fieldView(model, "learned score", blue), fieldView(model, "error: learned − true", orange)];
  const slider = html("input", { type: "range", min: 0, max: sigmas.length - 1, step: 1, "aria-label": "sigma, the noise level" });
  const count = html("output", { class: "dk-number", style: "min-width: 10ch" });
  const names = ["floor of the loss, σ² C", "added by the error of the score", "loss ½ E‖ε − ε̂‖², their sum"];
  const values = names.map(() => html("span", { class: "dk-number" }));

  const draw = () => {
    const level = model.get("level");
    const [floor, error, total] = [0, 1, 2].map((k) => readable(tables[k * sigmas.length + level]));
    const sigma = readable(sigmas[level]);
    slider.value = level;
    count.textContent = `σ = ${sigma}`;
    slider.setAttribute("aria-valuetext", `sigma ${sigma}: loss ${total}, of it floor ${floor}, error ${error}`);
    const words = [
      "arrows of sigma times the score point to where the noisy data is denser.",
      "the same arrows from what was learned.",
      `their difference; shaded where it counts. It adds ${error} to the loss.`,
    ];
    views.forEach(({ draw: show }, k) => {
      const field = arrows.subarray((3 * level + k) * 2 * side * side, (3 * level + k + 1) * 2 * side * side);
      const plane = 2 * level + (k === 2 ? 1 : 0);
      show(field, shades.subarray(plane * pixels * pixels, (plane + 1) * pixels * pixels), `at sigma ${sigma}, ${words[k]}`);
    });
    [floor, error, total].forEach((text, k) => { values[k].textContent = text; });
  };
  slider.addEventListener("input", () => {
    model.set("level", Number(slider.value));
    model.save_changes();
  });
  model.on("change:level", draw);

  const readouts = html("div", { class: "dk-readouts" }, ...names.flatMap((name, k) => [html("span", {}, name), values[k]]));
  const known = dots.length ? ` The ${dots.length / 2} dots are the data that was learned from.` : "";
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Score field explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "σ"), slider, count),
    html("div", { class: "dk-row dk-top dk-panels" }, ...views.map(({ root: view }) => view)),
    html("p", { class: "dk-soft" }, `Arrows show σ times the score; long ones are drawn shorter. Blue: density of the noisy data. Orange: where the error adds to the loss.${known}`),
    readouts);
  keepKeys(root);
  el.append(root);
  views[1].mark(dots);
  draw();
  return () => model.off("change:level", draw);
}

export default { render };
