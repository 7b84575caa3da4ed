// A gallery of samplers.  Python ran them all; a choice only shows other points and another table.

// Points of the plane on a canvas, twice as fine as its place on the page.
function cloudView(reach, caption) {
  const size = 600;
  const canvas = html("canvas", { width: size, height: size, role: "img", style: "width: 300px; height: 300px; image-rendering: auto" });
  const words = html("figcaption", {}, caption);
  let now = [];
  const paint = (color) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, size, size);
    context.fillStyle = color ?? context.fillStyle;
    context.globalAlpha = 0.75;
    let outside = 0;
    for (let i = 0; i < now.length; i += 2) {
      if (Math.max(Math.abs(now[i]), Math.abs(now[i + 1])) > reach) { outside += 1; continue; }
      context.beginPath();
      context.arc(size * (0.5 + now[i] / (2 * reach)), size * (0.5 - now[i + 1] / (2 * reach)), 4, 0, 7);
      context.fill();
    }
    if (outside === now.length / 2) {
      context.globalAlpha = 1;
      Object.assign(context, { font: "28px sans-serif", textAlign: "center" });
      context.fillText("all points are outside", size / 2, size / 2);
    }
    return outside;
  };
  const draw = (points, label, name) => {
    now = points;
    const outside = paint();
    words.textContent = outside ? `${name}: ${outside} of ${points.length / 2} outside` : name;
    canvas.setAttribute("aria-label", `${label} ${outside} points lie outside of the frame.`);
  };
  const stop = followTheme(canvas, "--a", paint);
  return { root: html("figure", {}, canvas, words), draw, stop };
}

function render({ model, el }) {
  const count = model.get("count");
  const names = model.get("names");
  const drawn = numbers(model, "drawn", Float32Array);
  const given = numbers(model, "truth", Float32Array);
  const select = html("select", { "aria-label": "sampler" },
    ...names.map((name, k) => html("option", { value: k }, k ? `${k}. ${name}` : "the right one")));
  const code = html("code", {});
  const truth = cloudView(model.get("reach"), "the data");
  const samples = cloudView(model.get("reach"), "samples");
  const body = html("tbody", {});
  const head = html("tr", {}, ...["measured", "should be", "is", ""].map((text) => html("th", { scope: "col" }, text)));
  const table = html("table", { class: "dk-table" }, html("thead", {}, head), body);
  const status = html("span", { class: "dk-unseen", "aria-live": "polite" });

  const draw = () => {
    const choice = model.get("choice");
    const rows = model.get("tables")[choice];
    select.value = choice;
    code.textContent = model.get("codes")[choice];
    samples.draw(drawn.subarray(2 * count * choice, 2 * count * (choice + 1)), `Points drawn by the sampler "${names[choice]}".`, names[choice]);
    body.replaceChildren(...rows.map(([what, wanted, found, differs]) => html("tr", {},
      html("th", { scope: "row" }, what), html("td", {}, wanted), html("td", {}, found),
      html("td", { class: differs === "yes" ? "dk-error" : "" }, differs === "yes" ? "✗ differs" : "✓"))));
    const found = rows.filter((row) => row[3] === "yes").map((row) => row[0]);
    status.textContent = `${names[choice]}: ${found.length ? `differs in ${found.join("; ")}` : "nothing differs"}.`;
  };
  select.addEventListener("change", () => {
    model.set("choice", Number(select.value));
    model.save_changes();
  });
  model.on("change:choice", draw);

  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Gallery of sampler bugs" },
    html("div", { class: "dk-row dk-code" }, html("span", { class: "dk-name", "aria-hidden": "true" }, "sampler"), select, code, status),
    html("div", { class: "dk-row dk-top" }, truth.root, samples.root), table);
  keepKeys(root);
  el.append(root);
  truth.draw(given, "Points of the data, in eight clusters on a circle.", "the data");
  draw();
  return () => {
    truth.stop();
    samples.stop();
    model.off("change:choice", draw);
  };
}

export default { render };
