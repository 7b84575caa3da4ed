// Pixels and codes side by side.  Python sent every picture; a move only picks one of them.

// A gray picture, a canvas pixel per data pixel; CSS enlarges it.  parts: it shows so many squares side by side.
function pictureView(height, width, caption, parts = 1) {
  const size = 176;
  const canvas = html("canvas", { width, height, role: "img", style: `height: ${size}px; width: ${(size * width) / height}px` });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const draw = (bytes, from, words) => {
    for (let i = 0; i < height * width; i++) {
      picture.data.fill(bytes[from + i], 4 * i, 4 * i + 3);
      picture.data[4 * i + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", words);
  };
  const borders = Array.from({ length: parts - 1 }, (_, k) => html("span", { "aria-hidden": "true",
    style: `position: absolute; top: 0; bottom: 0; width: 6px; margin-left: -3px; left: ${(100 * (k + 1)) / parts}%; background: var(--jp-layout-color0, #fff)` }));
  const frame = html("div", { style: "position: relative" }, canvas, ...borders);
  return { root: html("figure", {}, frame, html("figcaption", {}, caption)), draw };
}

function latentSlider(label, most) {
  const input = html("input", { type: "range", min: 0, max: most, step: 1, "aria-label": label });
  const value = html("output", { class: "dk-number", style: "min-width: 17ch" });
  const name = html("span", { class: "dk-name", "aria-hidden": "true", style: "flex: 0 0 172px" }, label);
  const show = (at, text) => {
    input.value = at;
    value.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  return { row: html("div", { class: "dk-row" }, name, input, value), input, show };
}

function render({ model, el }) {
  const [height, width] = model.get("image_shape");
  const [codeHeight, codeWidth] = model.get("code_shape");
  const [blends, levels] = [model.get("blends"), model.get("levels")];
  const images = numbers(model, "images", Uint8Array);
  const codes = numbers(model, "codes", Uint8Array);
  const far = numbers(model, "far", Float32Array);
  const tables = numbers(model, "tables", Float64Array);
  const choice = html("select", { "aria-label": "pair of images" },
    ...model.get("names").map((name, i) => html("option", { value: i }, name)));
  const blend = latentSlider("from the first to the second", blends - 1);
  const level = latentSlider("noise", levels - 1);
  const pixels = pictureView(height, width, "mixed and noised in pixels");
  const code = pictureView(codeHeight, codeWidth, "the code, one square per channel", Math.max(1, Math.round(codeWidth / codeHeight)));
  const decoded = pictureView(height, width, "the code, decoded");
  const values = [0, 1].map(() => html("span", { class: "dk-number" }));

  const draw = () => {
    const [b, n] = [model.get("blend"), model.get("level")];
    const at = (model.get("pair") * blends + b) * levels + n;
    const share = Math.round((100 * b) / (blends - 1));
    const step = `t = ${tables[n]}, ᾱₜ = ${readable(tables[levels + n])}`;
    const where = `${model.get("names")[model.get("pair")]}, ${share} percent of the way, ${step}`;
    choice.value = model.get("pair");
    blend.show(b, `${share} %`);
    level.show(n, step);
    const area = height * width;
    pixels.draw(images, 2 * at * area, `Mixed and noised in pixels: ${where}.`);
    decoded.draw(images, (2 * at + 1) * area, `Mixed and noised as codes, then decoded: ${where}.`);
    code.draw(codes, at * codeHeight * codeWidth, `The code itself: ${where}.`);
    values.forEach((value, i) => { value.textContent = readable(far[2 * at + i]); });
  };
  const send = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  choice.addEventListener("change", () => send("pair", Number(choice.value)));
  blend.input.addEventListener("input", () => send("blend", Number(blend.input.value)));
  level.input.addEventListener("input", () => send("level", Number(level.input.value)));
  const listeners = ["change:pair", "change:blend", "change:level"];
  listeners.forEach((event) => model.on(event, draw));

  const rows = ["distance to the nearest real image, per pixel: in pixels", "distance to the nearest real image, per pixel: decoded"];
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Pixels and codes" },
    html("div", { class: "dk-row" }, html("span", { class: "dk-name", "aria-hidden": "true", style: "flex: 0 0 172px" }, "pair"), choice),
    blend.row, level.row,
    html("div", { class: "dk-row dk-top" }, pixels.root, code.root, decoded.root),
    html("div", { class: "dk-readouts" }, ...rows.flatMap((name, i) => [html("span", {}, name), values[i]])));
  keepKeys(root);
  el.append(root);
  draw();
  return () => listeners.forEach((event) => model.off(event, draw));
}

export default { render };
