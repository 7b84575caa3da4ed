// How the graph editor draws nodes and arrows.

const [WIDTH, HEIGHT] = [430, 260];
const SCALE = 92; // pixels between two places that are 1 apart
const RADIUS = 20;
const indexed = (name) => name.replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);
const listed = (names) => names.map(indexed).join(", ");
const bar = (names) => (names.length ? ` | ${listed(names)}` : "");


// {node: [x, y]} in pixels, centred.  places: [right, up] per node.
function placed(nodes, places) {
  const [xs, ys] = [0, 1].map((k) => places.map((place) => place[k]));
  const left = (WIDTH - SCALE * (Math.min(...xs) + Math.max(...xs))) / 2;
  const top = (HEIGHT + SCALE * (Math.min(...ys) + Math.max(...ys))) / 2;
  return Object.fromEntries(nodes.map((u, i) => [u, [left + SCALE * xs[i], top - SCALE * ys[i]]]));
}

// The arrow's line with its head, and its weight beside it.
function arrowView(place, [u, v, weight], open, chosen) {
  const [[x1, y1], [x2, y2]] = [place[u], place[v]];
  const size = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [(x2 - x1) / size, (y2 - y1) / size];
  // A straight line would run through a node that lies between: bend it.
  const crossed = Object.entries(place).some(([w, [x, y]]) => {
    const along = (x - x1) * dx + (y - y1) * dy;
    return w !== u && w !== v && along > 0 && along < size && Math.abs((x - x1) * dy - (y - y1) * dx) < RADIUS;
  });
  const bend = crossed ? 110 : 0;
  const [mx, my] = [(x1 + x2) / 2 + dy * bend, (y1 + y2) / 2 - dx * bend];
  const toward = Math.atan2(y2 - my, x2 - mx);
  const back = (distance, turn) => [x2 - distance * Math.cos(toward + turn), y2 - distance * Math.sin(toward + turn)];
  const tip = back(RADIUS + 4, 0);
  const wing = (turn) => [tip[0] - 11 * Math.cos(toward + turn), tip[1] - 11 * Math.sin(toward + turn)];
  const line = svg("path", {
    class: `dk-arrow${open ? " dk-open" : ""}`,
    d: `M${x1} ${y1}Q${mx} ${my} ${tip}M${wing(0.42)}L${tip}L${wing(-0.42)}`,
  });
  const words = svg("text", {
    x: (x1 + 2 * mx + x2) / 4 + dy * 13, y: (y1 + 2 * my + y2) / 4 - dx * 13 + 4,
    "text-anchor": "middle", class: chosen ? "title" : "",
  });
  words.textContent = String(weight).replace("-", "−");
  return [line, words];
}

function nodeView([x, y], node, parents, { seen, end, start }) {
  const said = [seen ? "observed" : "not observed", end && "asked about", start && "an arrow begins here"].filter(Boolean);
  const name = svg("text", { x, y: y + 5, "text-anchor": "middle" });
  name.textContent = indexed(node);
  return svg("g", {
    class: `dk-node${seen ? " dk-seen" : ""}${end ? " dk-end" : ""}${start ? " dk-start" : ""}`,
    "data-node": node, tabindex: 0, role: "button", "aria-pressed": seen,
    "aria-label": `node ${node}, ${said.join(", ")}, parents: ${parents.join(", ") || "none"}`,
  }, svg("circle", { cx: x, cy: y, r: RADIUS }), name);
}
