// What cancels: columns of factors, one stage at a time.  Python wrote every word and number; this lays them out.

const SIGNED = (value) => (value < 0 ? `−${Math.abs(value).toFixed(3)}` : `+${value.toFixed(3)}`);

function termView({ sign, text, value, struck }) {
  const name = html("span", { style: "white-space: nowrap; font-size: 12px" }, `${sign} log `, text);
  if (text.startsWith("L")) name.replaceChildren(text === "L_T" ? sub("L", "T") : text);
  const number = html("span", { class: "dk-number dk-soft", style: "font-size: 12px" }, SIGNED(value));
  if (struck) name.style.textDecoration = "line-through 1px";
  const box = html("div", { style: `padding: 3px 4px; border: 1px ${struck ? "dashed" : "solid"} var(--line); border-radius: 4px; margin-top: 4px` },
    name, html("br"), number);
  if (struck) box.append(html("span", { class: "dk-unseen" }, "struck out"));
  box.dataset.struck = String(struck);
  return box;
}

function render({ model, el }) {
  const last = JSON.parse(model.get("stages")).length - 1;
  const range = (name, label, low, high) => {
    const input = html("input", { type: "range", min: low, max: high, step: 1, "aria-label": label, style: "flex: 0 1 180px" });
    input.addEventListener("input", () => {
      model.set(name, Number(input.value));
      model.save_changes();
    });
    return input;
  };
  const stage = range("stage", "stage of the derivation", 0, last);
  const steps = range("T", "T, number of steps", 2, 5);
  const stepsWords = html("output", { class: "dk-number", style: "min-width: 6ch" });
  const button = html("button", { type: "button" }, "New path");
  const title = html("strong", { "aria-live": "polite" });
  const words = html("p", { class: "dk-message" });
  const columns = html("div", { style: "display: grid; gap: 6px; align-items: start; min-height: 236px; overflow-x: auto" });
  const total = html("p", { class: "dk-number" });

  const draw = () => {
    const all = JSON.parse(model.get("stages"));
    const index = model.get("stage");
    const { title: name, words: said, columns: shown, total: sum } = all[index];
    stage.value = index;
    stage.setAttribute("aria-valuetext", `${index + 1} of ${all.length}: ${name}`);
    steps.value = model.get("T");
    stepsWords.textContent = `T = ${model.get("T")}`;
    steps.setAttribute("aria-valuetext", stepsWords.textContent);
    title.textContent = `${index + 1}. ${name}`;
    words.textContent = said;
    columns.style.gridTemplateColumns = `repeat(${shown.length}, minmax(112px, 1fr))`;
    columns.replaceChildren(...shown.map((column) => html("div", { role: "group", "aria-label": column.name },
      html("div", { class: "dk-soft" }, column.name), ...column.terms.map(termView))));
    total.textContent = index === last
      ? `Sum: ${SIGNED(sum)} nats, the negative bound for this x₀. It is a mean, so a single path's sum scatters around it.`
      : `Sum of what is not struck out: ${SIGNED(sum)} nats, the same in stages 1 to ${last}.`;
  };
  button.addEventListener("click", () => {
    model.set("draws", model.get("draws") + 1);
    model.save_changes();
  });
  model.on("change:stages", draw);
  model.on("change:stage", draw);

  const name = (text) => html("span", { class: "dk-name", "aria-hidden": "true" }, text);
  const root = html("div", { class: "diffkit", role: "group", "aria-label": "What cancels in the bound" },
    html("div", { class: "dk-row" }, name("stage"), stage, name("steps"), steps, stepsWords, button),
    html("div", { style: "margin-top: 8px" }, title, words), columns, total);
  keepKeys(root);
  el.append(root);
  draw();
  return () => {
    model.off("change:stages", draw);
    model.off("change:stage", draw);
  };
}

export default { render };
