// The strength of guidance.  Python sent every frame; a move picks one, and contour lines are drawn through it.

const BOX = 300; // pixels of the plane's inside

// The line on which `values` (side x side, rows along the second axis) have the given level: marching squares.
function contour(axes, values, side, reach, level) {
  const place = (i) => -reach + (2 * reach * i) / (side - 1);
  const at = (i, j) => values[j * side + i];
  let out = "";
  for (let j = 0; j < side - 1; j++) {
    for (let i = 0; i < side - 1; i++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const cuts = [];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [corners[k], corners[(k + 1) % 4]];
        const [p, q] = [at(...a), at(...b)];
        if (p < level === q < level) continue;
        const u = (level - p) / (q - p);
        cuts.push([axes.at_x(place(a[0] + u * (b[0] - a[0]))), axes.at_y(place(a[1] + u * (b[1] - a[1])))]);
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) {
        out += `M${cuts[k].map((v) => v.toFixed(1)).join(" ")}L${cuts[k + 1].map((v) => v.toFixed(1)).join(" ")}`;
      }
    }
  }
  return out;
}

function planeView(reach) {
  const axes = plot({
    width: BOX + 50, height: BOX + 64, x: [-reach, reach], y: [-reach, reach], xLabel: "x₁", yLabel: "x₂",
    title: "plane: tilted density, guided samples", xTicks: [-2, 0, 2], yTicks: [-2, 0, 2],
  });
  const points = axes.path("b");
  points.style.strokeWidth = 3.2;
  points.style.strokeDasharray = "none";
  points.style.opacity = 0.75;
  const outer = axes.path("a");
  const inner = axes.path("a");
  inner.style.strokeWidth = 3.5;
  return { root: axes.root, axes, points, outer, inner };
}

// A square of gray images, a canvas pixel per data pixel; CSS enlarges it.
function imagesView(count, height, width) {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [across, down] = [columns * (width + 1) - 1, rows * (height + 1) - 1];
  const zoom = Math.max(1, Math.min(10, Math.floor(290 / across)));
  const canvas = html("canvas", { width: across, height: down, role: "img", style: `width: ${zoom * across}px; height: ${zoom * down}px; border: 0` });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(across, down);
  const draw = (frames, from, words) => {
    for (let n = 0; n < count; n++) {
      const corner = Math.floor(n / columns) * (height + 1) * across + (n % columns) * (width + 1);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const to = 4 * (corner + y * across + x);
          picture.data.fill(frames[from + (n * height + y) * width + x], to, to + 3);
          picture.data[to + 3] = 255;
        }
      }
    }
    context.putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", words);
  };
  return { root: html("figure", {}, canvas, html("figcaption", {}, "digits of the network, same noise for every w")), draw };
}

function render({ model, el }) {
  const strengths = model.get("w");
  const [digits, count, height, width] = model.get("image_shape");
  const [areas, side, reach, many] = ["areas", "side", "reach", "count"].map((name) => model.get(name));
  const frames = numbers(model, "frames", Uint8Array);
  const density = numbers(model, "density", Uint16Array);
  const levels = numbers(model, "levels", Float32Array);
  const points = numbers(model, "points", Float32Array);
  const table = numbers(model, "table", Float64Array);
  const slider = html("input", { type: "range", min: 0, max: strengths.length - 1, step: 1, "aria-label": "w, the strength of guidance" });
  const counter = html("output", { class: "dk-number", style: "min-width: 26ch" });
  const choice = (label, name, total, words) => {
    const list = html("select", { "aria-label": label }, ...Array.from({ length: total }, (_, k) => html("option", { value: k }, words(k))));
    list.addEventListener("change", () => move(name, Number(list.value)));
    return list;
  };
  const move = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const digit = choice("which digit is asked for", "digit", digits, (k) => `digit ${k}`);
  const area = choice("which class of the plane is asked for", "area", areas, (k) => `class ${k} in the plane`);
  const images = imagesView(count, height, width);
  const plane = planeView(reach);
  const readouts = [0, 1].map(() => html("span", { class: "dk-number" }));
  const signed = (value) => String(value).replace("-", "−");

  const draw = () => {
    const [i, k, j] = ["chosen", "digit", "area"].map((name) => model.get(name));
    const w = strengths[i];
    const [wanted, got] = [0, 1].map((n) => readable(table[2 * (i * areas + j) + n]));
    [slider.value, digit.value, area.value] = [i, k, j];
    counter.textContent = `w = ${signed(w)}, scale s = 1 + w = ${signed(1 + w)}`;
    slider.setAttribute("aria-valuetext", `w ${w}, s ${1 + w}: variance of the tilted density ${wanted}, of the samples ${got}`);
    images.draw(frames, (i * digits + k) * count * height * width, `${count} digits, asked for ${k} with w = ${w}.`);
    const values = density.subarray((i * areas + j) * side * side, (i * areas + j + 1) * side * side);
    const [half, most] = [0, 1].map((n) => levels[2 * (i * areas + j) + n]);
    plane.inner.setAttribute("d", contour(plane.axes, values, side, reach, half));
    plane.outer.setAttribute("d", contour(plane.axes, values, side, reach, most));
    let dots = "";
    for (let n = (i * areas + j) * many * 2; n < (i * areas + j + 1) * many * 2; n += 2) {
      if (Math.max(Math.abs(points[n]), Math.abs(points[n + 1])) > reach) continue;
      dots += `M${plane.axes.at_x(points[n]).toFixed(1)} ${plane.axes.at_y(points[n + 1]).toFixed(1)}h0`;
    }
    plane.points.setAttribute("d", dots);
    plane.root.setAttribute("aria-label",
      `Class ${j} with w = ${w}: lines around half and nine tenths of the tilted density, and ${many} guided samples. `
      + `Variance ${wanted} against ${got}.`);
    [wanted, got].forEach((text, n) => { readouts[n].textContent = text; });
  };
  slider.addEventListener("input", () => move("chosen", Number(slider.value)));
  const watched = ["change:chosen", "change:digit", "change:area"];
  watched.forEach((event) => model.on(event, draw));

  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Guidance strength explorer" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "w"), slider, counter),
    html("div", { class: "dk-row", style: "margin-top: 6px" }, digit, area),
    html("div", { class: "dk-row dk-top" }, images.root, plane.root),
    legend([["a", "tilted density: thick line around 50 %, thin line around 90 % of it"]]),
    html("p", { class: "dk-soft" }, `Dots: ${many} points of the guided sampler with the exact score. Were the tilted density what it samples, they would fill the lines.`),
    html("div", { class: "dk-readouts" },
      html("span", {}, "variance of the tilted density (both axes)"), readouts[0],
      html("span", {}, "variance of the guided samples"), readouts[1]));
  keepKeys(root);
  el.append(root);
  draw();
  return () => watched.forEach((event) => model.off(event, draw));
}

export default { render };
