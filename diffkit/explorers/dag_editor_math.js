// What a small graph says: factorization, paths, separation, and the information of its linear-Gaussian network.
// A drag must be answered within a frame, so this is computed in the browser; a test holds it against diffkit.graph.
// A graph is { nodes: [name, ..], arrows: [[parent, child, weight], ..] }; observed is a list of names.

const parentsOf = (graph, node) => graph.nodes.filter((u) => graph.arrows.some(([p, c]) => p === u && c === node));
const childrenOf = (graph, node) => graph.nodes.filter((u) => graph.arrows.some(([p, c]) => p === node && c === u));
const hasArrow = (graph, u, v) => graph.arrows.some(([p, c]) => p === u && c === v);

// All that a node leads to, without itself.
function below(graph, node) {
  const found = new Set();
  const todo = [node];
  while (todo.length) {
    for (const child of childrenOf(graph, todo.pop())) {
      if (!found.has(child)) { found.add(child); todo.push(child); }
    }
  }
  return found;
}

// Parents before children; where the arrows leave a choice, as the nodes are listed.
function order(graph) {
  const done = [];
  while (done.length < graph.nodes.length) {
    done.push(graph.nodes.find((u) => !done.includes(u) && parentsOf(graph, u).every((p) => done.includes(p))));
  }
  return done;
}

// [[node, its parents], ..], in order.
function factors(graph) {
  const rank = order(graph);
  return rank.map((node) => [node, rank.filter((u) => hasArrow(graph, u, node))]);
}

// An inner node of a path, with the reason for what it does.  u and w: the nodes before and after it.
function inner(graph, u, node, w, observed) {
  if (hasArrow(graph, u, node) && hasArrow(graph, w, node)) {
    const under = below(graph, node);
    const seen = observed.includes(node) ? node : order(graph).find((v) => under.has(v) && observed.includes(v));
    const why = !seen ? "nothing at or below it is observed" : seen === node ? "it is observed" : `${seen} below it is observed`;
    return { node, kind: "collider", open: Boolean(seen), why };
  }
  const kind = hasArrow(graph, node, u) && hasArrow(graph, node, w) ? "fork" : "chain";
  const open = !observed.includes(node);
  return { node, kind, open, why: open ? "it is not observed" : "it is observed" };
}

// Every path between x and y that visits no node twice, shortest first: { nodes, steps, open }.
function pathsBetween(graph, x, y, observed) {
  const found = [];
  const walk = (path) => {
    const last = path[path.length - 1];
    if (last === y) { found.push(path); return; }
    for (const next of [...parentsOf(graph, last), ...childrenOf(graph, last)]) {
      if (!path.includes(next)) walk([...path, next]);
    }
  };
  walk([x]);
  return found.sort((a, b) => a.length - b.length).map((nodes) => {
    const steps = nodes.slice(1, -1).map((node, i) => inner(graph, nodes[i], node, nodes[i + 2], observed));
    return { nodes, steps, open: steps.every((step) => step.open) };
  });
}

const separated = (graph, x, y, observed) => !pathsBetween(graph, x, y, observed).some((path) => path.open);

// The conditioning variables that the graph lets one drop, each tested with all others known.
const droppable = (graph, x, given) =>
  order(graph).filter((v) => given.includes(v) && separated(graph, x, v, given.filter((g) => g !== v)));

// Covariance of the network: node = sum of weight * parent + noise of variance 1.  {a: {b: number}}.
function covariance(graph) {
  const cov = {};
  for (const node of order(graph)) {
    const above = graph.arrows.filter(([, child]) => child === node);
    const others = Object.keys(cov);
    cov[node] = {};
    for (const u of others) {
      cov[node][u] = cov[u][node] = above.reduce((sum, [p, , weight]) => sum + weight * cov[p][u], 0);
    }
    cov[node][node] = 1 + above.reduce((sum, [p, , weight]) => sum + weight * cov[p][node], 0);
  }
  return cov;
}

// I(x; y | observed) in nats: condition on one node after the other, then -1/2 log(1 - rho^2).
function information(graph, x, y, observed) {
  const cov = covariance(graph);
  for (const seen of observed) {
    const column = Object.fromEntries(graph.nodes.map((u) => [u, cov[u][seen]]));
    const spread = column[seen];
    if (spread < 1e-12) continue;
    for (const u of graph.nodes) for (const v of graph.nodes) cov[u][v] -= (column[u] * column[v]) / spread;
  }
  const rho2 = cov[x][y] ** 2 / (cov[x][x] * cov[y][y]);
  return Math.max(0, -0.5 * Math.log1p(-rho2));
}
