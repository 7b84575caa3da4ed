// The map of the course: choose a concept to see what it is, and which equations join it to its neighbours.

const [WIDTH, HEIGHT] = [756, 336];
const [HALF, TALL] = [74, 25]; // half the width and half the height of a box
const at = ([right, up]) => [78 + 200 * right, 36 + 88 * (3 - up)];

function words(attributes, content) {
  const out = svg("text", { "text-anchor": "middle", ...attributes });
  out.textContent = content;
  return out;
}

function box(key, concept, chosen) {
  const [x, y] = at(concept.place);
  const frame = {
    x: x - HALF, y: y - TALL, width: 2 * HALF, height: 2 * TALL, rx: 5, class: "dk-frame",
    "stroke-dasharray": concept.share ? "none" : "5 4",
  };
  return svg("g", {
    class: `dk-concept${chosen ? " dk-chosen" : ""}`, "data-concept": key, tabindex: 0, role: "button",
    "aria-pressed": chosen, "aria-label": `${concept.name}, lesson ${concept.lesson}, ${concept.state}`,
  }, svg("rect", frame),
    svg("rect", { class: "dk-share", x: x - HALF + 5, y: y + TALL - 7, width: (2 * HALF - 10) * concept.share, height: 4 }),
    words({ x, y: y - 4, class: "title" }, `${concept.sign} ${concept.name}`),
    words({ x, y: y + 12 }, `lesson ${concept.lesson}, ${concept.state}`));
}

// The line between two boxes, with the number of its equation on it.
function join({ ends: [a, b], tag }, concepts, near) {
  const [[x1, y1], [x2, y2]] = [at(concepts[a].place), at(concepts[b].place)];
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
  return svg("g", { class: near ? "dk-near" : "", "aria-hidden": "true" },
    svg("path", { class: "dk-join", d: `M${x1} ${y1}L${x2} ${y2}` }),
    svg("rect", { class: "dk-paper", x: x - 17, y: y - 8, width: 34, height: 16 }),
    words({ x, y: y + 4 }, tag));
}

// The next box in the direction of an arrow key, or none.
function towards(key, direction, concepts) {
  const [x, y] = concepts[key].place;
  const ahead = ([u, v]) => direction[0] * (u - x) + direction[1] * (v - y);
  const aside = ([u, v]) => Math.abs(direction[1] * (u - x)) + Math.abs(direction[0] * (v - y));
  const found = Object.keys(concepts).filter((k) => ahead(concepts[k].place) > 0);
  return found.sort((p, q) => 3 * aside(concepts[p].place) + ahead(concepts[p].place)
    - 3 * aside(concepts[q].place) - ahead(concepts[q].place))[0];
}
const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function render({ model, el }) {
  const concepts = JSON.parse(model.get("concepts"));
  const arrows = JSON.parse(model.get("arrows"));
  const stage = svg("svg", { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "the map", style: "max-width: 100%; height: auto" });
  const title = html("strong", {});
  const said = html("p", {});
  const list = html("ul", { style: "margin: 6px 0 0; padding-left: 18px" });
  const choose = (key, focus) => {
    model.set("chosen", key);
    model.save_changes();
    if (focus) stage.querySelector(`[data-concept="${key}"]`).focus();
  };
  const boxOf = (event) => event.target.closest?.("[data-concept]")?.dataset.concept;
  stage.addEventListener("click", (event) => { const key = boxOf(event); if (key) choose(key, true); });
  stage.addEventListener("keydown", (event) => {
    const key = boxOf(event);
    if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") choose(key, true);
    else if (event.key in DIRECTIONS) {
      const next = towards(key, DIRECTIONS[event.key], concepts);
      if (next) stage.querySelector(`[data-concept="${next}"]`).focus();
    } else return;
    event.preventDefault();
  });

  const draw = () => {
    const chosen = model.get("chosen");
    const mine = arrows.filter(({ ends }) => ends.includes(chosen));
    const active = el.getRootNode().activeElement;
    const focused = stage.contains(active) ? active.dataset.concept : null;
    stage.replaceChildren(
      ...arrows.map((arrow) => join(arrow, concepts, arrow.ends.includes(chosen))),
      ...Object.entries(concepts).map(([key, concept]) => box(key, concept, key === chosen)));
    if (focused) stage.querySelector(`[data-concept="${focused}"]`)?.focus();
    const { name, lesson, state, words: text } = concepts[chosen];
    title.textContent = `${name} (lesson ${lesson}, ${state})`;
    said.textContent = text;
    list.replaceChildren(...mine.map(({ ends, tag, says }) => {
      const other = ends[0] === chosen ? ends[1] : ends[0];
      const button = html("button", { type: "button", "data-goes": other, style: "height: 24px; padding: 0 8px" }, concepts[other].name);
      button.addEventListener("click", () => choose(other, true));
      return html("li", { style: "margin-top: 4px" }, button, ` (${tag})  `, ...written(says));
    }));
  };
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "Map of the course" },
    stage,
    html("p", { class: "dk-soft" }, "● done   ◐ begun   ○ not begun. Click a box, or go with Tab and the arrow keys and press Enter."),
    html("div", { style: "min-height: 190px; margin-top: 8px", "aria-live": "polite" }, title, said, list));
  keepKeys(root);
  el.append(root);
  draw();
  model.on("change:chosen", draw);
  return () => model.off("change:chosen", draw);
}

export default { render };
