"""The gallery of explorers in a page: what is asked of every explorer, whichever there are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS_WITHIN = 120_000  # milliseconds
# Every control that can be used now.  Explorers hide some in certain states, and disable others.
CONTROLS = ":is(input, select, button, textarea, [tabindex='0']):not([disabled])"

NAMES = (
    """() => [...document.querySelectorAll(".diffkit[role=group]")].map((root) => root.getAttribute("aria-label"))"""
)

# For each explorer: controls without a name for those who do not see, and pictures without words.
SILENT = """(controls) => [...document.querySelectorAll(".diffkit")].flatMap((root) => {
  const where = root.getAttribute("aria-label");
  const button = (e) => e.tagName === "BUTTON" && e.textContent.trim();
  const named = (e) => e.getAttribute("aria-label") || e.labels?.length || button(e);
  const mute = [...root.querySelectorAll(controls)].filter((e) => e.checkVisibility() && !named(e));
  const blind = [...root.querySelectorAll("canvas, svg")].filter((e) =>
    e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") && e.getAttribute("aria-label")));
  return [...mute, ...blind].map((e) => `${where}: ${e.outerHTML.slice(0, 90)}`);
})"""

# Points on a clear ground: how much the commonest color stands out from what is behind, [explorer, ratio].  Pictures in
# shades of gray bring their own ground, and a canvas under a drawing is a wash of color: these do not count.
CANVAS_CONTRAST = """() => {
  const light = (color) => {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = [...color].map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const [r, g, b, a = 1] = getComputedStyle(n).backgroundColor.match(/[\\d.]+/g).map(Number);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll(".diffkit canvas")].map((canvas) => {
    const behind = ground(canvas);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const shares = new Map();
    let clear = 0;
    for (let i = 0; i < data.length; i += 4) {
      const a = data[i + 3] / 255;
      if (a === 0) { clear += 1; continue; }
      const key = [0, 1, 2].map((c) => Math.round(a * data[i + c] + (1 - a) * behind[c])).join();
      shares.set(key, (shares.get(key) ?? 0) + 1);
    }
    const under = [...canvas.parentElement.children].some((e) => e.tagName === "svg");
    if (under || clear < data.length / 4 / 3 || !shares.size) return null;
    const commonest = [...shares].reduce((p, q) => (q[1] > p[1] ? q : p))[0].split(",").map(Number);
    const [a, b] = [light(commonest), light(behind)].sort((p, q) => q - p);
    return [canvas.closest(".diffkit").getAttribute("aria-label"), (a + 0.05) / (b + 0.05)];
  }).filter((found) => found);
}"""

# Watches one explorer on every animation frame: pictures without anything on them, and heights of its cell.  A picture
# may well be empty (all points fell outside of the frame, and its words say so), but not now and then under the same
# words.
WATCH_ONE = """(name) => {
  const root = document.querySelector(`.diffkit[aria-label="${name}"]`);
  const cell = root.closest(".jp-Cell, .jp-OutputArea-child") ?? root;
  const seen = (window.seen = { frames: 0, lost: 0, pictures: {}, heights: new Set() });
  const size = (e) => { const box = e.getBoundingClientRect(); return box.width + box.height; };
  const empty = (picture) => picture.tagName === "svg"
    ? ![...picture.querySelectorAll("path, circle, rect, line, text")].some((e) => size(e) > 3)
    : !picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data.some((v, i) => i % 4 === 3 && v);
  const look = () => {
    seen.frames += 1;
    if (!root.isConnected || !root.textContent.trim()) seen.lost += 1;
    const pictures = [...root.querySelectorAll("canvas, svg[role]")].filter((e) => e.checkVisibility());
    pictures.forEach((picture, k) => {
      const key = `${k}: ${picture.getAttribute("aria-label")}`;
      (seen.pictures[key] ??= [0, 0])[Number(empty(picture))] += 1;
    });
    seen.heights.add(Math.round(cell.getBoundingClientRect().height));
    window.watching = requestAnimationFrame(look);
  };
  look();
}"""
REPORT_ONE = """() => {
  cancelAnimationFrame(window.watching);
  const pictures = Object.entries(window.seen.pictures);
  const flickered = pictures.filter(([, [full, empty]]) => full && empty).map(([key]) => key);
  return { ...window.seen, flickered, heights: [...window.seen.heights] };
}"""

# What an explorer shows: words, numbers, lines and pixels.
STATE = """(name) => {
  const root = document.querySelector(`.diffkit[aria-label="${name}"]`);
  const pixels = [...root.querySelectorAll("canvas")].map((c) => c.toDataURL()).join();
  const values = [...root.querySelectorAll("input, select")].map((e) => e.value).join();
  return root.innerHTML + pixels + values;
}"""

# Milliseconds from a key, pressed by script as a slider or a choice takes it, to a changed picture or word.  One
# that has neither is asked by its first two controls in turn.
ANSWER = """([name, key, controls]) => new Promise((resolve, reject) => {
  const root = document.querySelector(`.diffkit[aria-label="${name}"]`);
  const control = document.activeElement;
  const step = key === "ArrowRight" ? 1 : -1;
  const tenth = Math.max(1, Math.round((control.max - control.min) / (10 * (control.step || 1))));
  const start = performance.now();
  const late = setTimeout(() => reject(new Error(`${name} did not answer`)), 10000);
  const observer = new MutationObserver(() => {
    observer.disconnect();
    clearTimeout(late);
    resolve(performance.now() - start);
  });
  const attributeFilter = ["d", "aria-label", "aria-valuetext", "points", "transform", "cx"];
  observer.observe(root, { subtree: true, childList: true, characterData: true, attributeFilter });
  if (control.tagName === "SELECT") control.selectedIndex += step;
  else if (control.type === "range") step > 0 ? control.stepUp(tenth) : control.stepDown(tenth);
  else {
    const turn = root.querySelectorAll(controls)[step > 0 ? 1 : 0];
    return turn.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }
  control.dispatchEvent(new Event("input", { bubbles: true }));
  control.dispatchEvent(new Event("change", { bubbles: true }));
})"""

FOCUSED = """() => {
  const e = document.activeElement;
  const root = e.closest(".diffkit");
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const shapes = [...e.querySelectorAll("circle, rect, ellipse")];  // a node of a graph shows its focus on its border
  const thick = shapes.some((shape) => parseFloat(getComputedStyle(shape).strokeWidth) >= 4);
  return root && { explorer: root.getAttribute("aria-label"), place: [...root.querySelectorAll("*")].indexOf(e),
    name: e.getAttribute("aria-label") ?? e.textContent.slice(0, 30), shown: ring || thick };
}"""


def explorer_names(page: "Page") -> list[str]:
    """The labels of the explorers on the page, in their order."""
    return list(page.evaluate(NAMES))


def first_control(name: str) -> str:
    """A selector of the first slider or choice of an explorer, else its first control."""
    root = f'.diffkit[aria-label="{name}"]'
    return f"{root} {CONTROLS} >> visible=true >> nth=0"


def tab_through(page: "Page", name: str, most: int = 60) -> dict[int, Mapping[str, Any]]:
    """Press Tab from an explorer's first control on until the focus leaves it: {place: what has the focus}."""
    page.keyboard.press("Shift")  # from here on the focus is drawn, as for anybody who uses the keyboard
    page.focus(first_control(name))
    reached: dict[int, Mapping[str, Any]] = {}
    for _ in range(most):
        here = page.evaluate(FOCUSED)
        if not here or here["explorer"] != name or here["place"] in reached:
            break
        reached[here["place"]] = here
        page.keyboard.press("Tab")
    return reached


PLACES = """([name, controls]) => {
  const root = document.querySelector(`.diffkit[aria-label="${name}"]`);
  const all = [...root.querySelectorAll("*")];
  return [...root.querySelectorAll(controls)].filter((e) => e.checkVisibility()).map((e) => all.indexOf(e));
}"""
