// The graph editor: observe nodes, draw and remove arrows, see which paths are open and what they carry.

function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => html("option", { value }, text)));
  select.value = chosen;
}

function render({ model, el }) {
  const presets = model.get("presets");
  const state = () => ({ nodes: model.get("nodes"), arrows: model.get("arrows") });
  let start = null; // the node where an arrow begins, by drag or by the letter A
  let chosen = 0; // the arrow whose weight the slider shows

  let sending = false; // while one change after the other is set, the state does not fit together
  const send = (changes) => {
    sending = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    sending = false;
    model.save_changes();
    draw();
  };
  const say = (text) => { message.textContent = text; };
  const load = (name, words = "") => {
    [start, chosen] = [null, 0];
    say(words);
    send({ preset: name, ...presets[name], observed: [] });
  };
  const observe = (node) => {
    const seen = model.get("observed");
    if (model.get("ends").includes(node)) return say(`The question is about ${indexed(node)}: ask about others to observe it.`);
    say("");
    send({ observed: seen.includes(node) ? seen.filter((u) => u !== node) : [...seen, node] });
  };
  const toggleArrow = (u, v) => {
    const graph = state();
    const [back, forth] = [hasArrow(graph, v, u), hasArrow(graph, u, v)];
    const rest = graph.arrows.filter(([p, c]) => !(p === u && c === v) && !(p === v && c === u));
    if (forth) { say(`Arrow ${indexed(u)} → ${indexed(v)} removed.`); chosen = 0; return send({ arrows: rest }); }
    if (below({ ...graph, arrows: rest }, v).has(u)) return say("That arrow would close a circle: no node is its own ancestor.");
    const weight = back ? graph.arrows.find(([p, c]) => p === v && c === u)[2] : 1;
    say(`Arrow ${indexed(u)} → ${indexed(v)} ${back ? "turned round" : "drawn"}.`);
    chosen = rest.length;
    send({ arrows: [...rest, [u, v, weight]] });
  };
  const finish = (node) => {
    const from = start;
    start = null;
    if (from !== null && from !== node) toggleArrow(from, node);
    else draw();
  };

  const preset = html("select", { "aria-label": "graph to begin with" });
  options(preset, Object.keys(presets).map((name) => [name, name]), model.get("preset"));
  preset.addEventListener("change", () => load(preset.value));
  const reset = html("button", { type: "button", "aria-label": "Reset the graph" }, "Reset"); // a choice made twice is no change
  reset.addEventListener("click", () => load(model.get("preset"), "The graph is as it began."));
  const ends = ["first", "second"].map((which, k) => {
    const select = html("select", { "aria-label": `${which} variable of the question` });
    select.addEventListener("change", () => {
      const pair = [...model.get("ends")];
      const before = pair[k];
      pair[k] = select.value;
      if (pair[0] === pair[1]) pair[1 - k] = before; // exchanged
      send({ ends: pair, observed: model.get("observed").filter((u) => !pair.includes(u)) });
    });
    return select;
  });
  const arrow = html("select", { "aria-label": "arrow" });
  arrow.addEventListener("change", () => { chosen = Number(arrow.value); draw(); });
  const weight = html("input", { type: "range", min: -5, max: 5, step: 0.1, "aria-label": "weight of the arrow" });
  const number = html("output", { class: "dk-number", style: "min-width: 4ch" });
  weight.addEventListener("input", () => {
    send({ arrows: model.get("arrows").map((a, i) => (i === chosen ? [a[0], a[1], Number(weight.value)] : a)) });
  });
  const remove = html("button", { type: "button" }, "Remove arrow");
  remove.addEventListener("click", () => { const a = model.get("arrows")[chosen]; if (a) toggleArrow(a[0], a[1]); });
  const message = html("p", { class: "dk-error", "aria-live": "polite", style: "min-height: 20px" });
  const verdict = html("p", { class: "dk-verdict", "aria-live": "polite" });
  const values = [0, 1, 2].map(() => html("span", { class: "dk-number" }));
  const informationName = html("span", {});
  const list = html("ul", { class: "dk-paths", tabindex: 0, "aria-label": "paths between the two" });
  const stage = svg("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "the graph", class: "dk-stage" });

  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [((event.clientX - box.left) * WIDTH) / box.width, ((event.clientY - box.top) * HEIGHT) / box.height];
  };
  const rubber = svg("path", { class: "faint" });
  const spots = () => placed(model.get("nodes"), model.get("places"));
  const hit = (point) => {
    const found = Object.entries(spots()).find(([, [x, y]]) => Math.hypot(x - point[0], y - point[1]) <= RADIUS + 4);
    return found ? found[0] : null;
  };
  stage.addEventListener("pointerdown", (event) => {
    start = hit(at(event));
    if (start === null) return;
    stage.setPointerCapture(event.pointerId);
    stage.querySelector(`[data-node="${start}"]`).focus();
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (start === null || !event.buttons) return;
    rubber.setAttribute("d", `M${spots()[start]}L${at(event)}`);
  });
  stage.addEventListener("pointerup", (event) => {
    const from = start;
    const node = hit(at(event));
    rubber.setAttribute("d", "");
    if (from === null) return;
    if (node === null) { start = null; return draw(); }
    if (node === from) { start = null; return observe(node); }
    finish(node);
  });
  stage.addEventListener("keydown", (event) => {
    const node = event.target.dataset?.node;
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") observe(node);
    else if (event.key.toLowerCase() === "a" && start === null) {
      start = node;
      say(`An arrow begins at ${indexed(node)}. Go to another node and press A.`);
      draw();
    } else if (event.key.toLowerCase() === "a") finish(node);
    else return;
    event.preventDefault();
  });

  function draw() {
    const graph = state();
    const named = [...model.get("ends"), ...model.get("observed"), ...graph.arrows.flatMap(([u, v]) => [u, v])];
    const fits = named.every((u) => graph.nodes.includes(u)) && graph.nodes.length === model.get("places").length;
    if (sending || !fits) return; // Python may set one trait after the other
    const [observed, [x, y]] = [model.get("observed"), model.get("ends")];
    const paths = pathsBetween(graph, x, y, observed);
    const open = paths.filter((path) => path.open);
    const joined = (u, v) => open.some(({ nodes }) => nodes.some((w, i) => (w === u && nodes[i + 1] === v) || (w === v && nodes[i + 1] === u)));
    const place = spots();
    const focused = stage.contains(el.getRootNode().activeElement) ? el.getRootNode().activeElement.dataset.node : null;
    stage.replaceChildren(
      ...graph.arrows.flatMap((a, k) => arrowView(place, a, joined(a[0], a[1]), k === chosen)), rubber,
      ...graph.nodes.map((node) => nodeView(place[node], node, parentsOf(graph, node),
        { seen: observed.includes(node), end: node === x || node === y, start: node === start })));
    if (focused) stage.querySelector(`[data-node="${focused}"]`)?.focus();
    preset.value = model.get("preset");
    ends.forEach((select, k) => options(select, graph.nodes.map((u) => [u, indexed(u)]), [x, y][k]));
    options(arrow, graph.arrows.map(([u, v], k) => [k, `${indexed(u)} → ${indexed(v)}`]), chosen);
    const present = graph.arrows[chosen];
    for (const control of [arrow, weight, remove]) control.disabled = !present;
    weight.value = present ? present[2] : 0;
    weight.setAttribute("aria-valuetext", present ? `${present[2]}, from ${present[0]} to ${present[1]}` : "no arrow");
    number.textContent = present ? String(present[2]).replace("-", "−") : "";

    const nats = information(graph, x, y, observed);
    const given = observed.length ? ` given ${listed(observed)}` : "";
    const cancelled = open.length && nats < 1e-9 ? " Yet here the numbers cancel, and nothing arrives." : "";
    verdict.textContent = open.length
      ? `${indexed(x)} and ${indexed(y)}${given}: dependent. ${open.length} of ${paths.length} path${paths.length > 1 ? "s" : ""} open.${cancelled}`
      : `${indexed(x)} and ${indexed(y)}${given}: independent, whatever the numbers are.`;
    informationName.textContent = `I(${indexed(x)}; ${indexed(y)}${bar(observed)})`;
    const gone = droppable(graph, x, [y, ...observed]);
    const stay = order(graph).filter((u) => (u === y || observed.includes(u)) && !gone.includes(u));
    values[0].textContent = factors(graph).map(([node, above]) => `p(${indexed(node)}${bar(above)})`).join(" ");
    values[1].textContent = `${open.length ? readable(nats) : "0"} nats`;
    const asked = `p(${indexed(x)} | ${listed([y, ...observed])})`;
    values[2].textContent = gone.length ? `${asked} = p(${indexed(x)}${bar(stay)})` : `${asked}: nothing to drop`;
    list.replaceChildren(...paths.map(({ nodes, steps, open: passes }) => {
      const text = nodes.map((u, i) => (i ? `${hasArrow(graph, nodes[i - 1], u) ? " → " : " ← "}${indexed(u)}` : indexed(u))).join("");
      const shut = steps.find((step) => !step.open);
      const why = passes ? "open" : `blocked: ${shut.kind} at ${indexed(shut.node)}, ${indexed(shut.why)}`;
      return html("li", { class: passes ? "dk-open" : "" }, `${text}: ${why}`);
    }), ...(paths.length ? [] : [html("li", {}, "No path joins the two.")]));
  }

  const row = (...parts) => html("div", { class: "dk-row" }, ...parts);
  const label = (text) => html("span", { class: "dk-name", "aria-hidden": "true" }, text);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Graph editor" },
    row(label("start from"), preset, reset, label("ask about"), ends[0], label("and"), ends[1]),
    html("div", { class: "dk-row dk-top" }, stage,
      html("div", { class: "dk-side" }, verdict,
        html("div", { class: "dk-readouts dk-left" }, informationName, values[1], html("span", {}, "factors"), values[0], html("span", {}, "shorter"), values[2]),
        list)),
    row(label("arrow"), arrow, label("weight"), weight, number, remove), message,
    html("p", { class: "dk-soft" }, "Click a node to observe it; drag to another to draw, turn or remove an arrow. Keys: Tab goes to a node, Enter observes it, A there and at another draws."));
  keepKeys(root);
  el.append(root);
  draw();
  model.on("change", draw);
  return () => model.off("change", draw);
}

export default { render };
