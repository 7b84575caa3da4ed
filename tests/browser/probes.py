"""What the tests ask of a page, from inside it."""

# Runs on every animation frame: what is on screen, as a reader sees it.
WATCH = """() => {
  const seen = (window.seen = { blank: 0, frames: 0, heights: new Set() });
  const look = () => {
    seen.frames += 1;
    for (const canvas of document.querySelectorAll(".diffkit canvas")) {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      if (new Set(data.filter((_, i) => i % 4 === 0)).size < 2) seen.blank += 1;
    }
    for (const line of document.querySelectorAll(".diffkit svg[role=img] path.a")) {
      if (line.getTotalLength() < 100) seen.blank += 1;
    }
    if (document.querySelectorAll(".diffkit svg[role=img]").length !== 4) seen.blank += 1;
    const cells = [...document.querySelectorAll(".jp-Cell")].filter((cell) => cell.querySelector(".diffkit"));
    seen.heights.add(cells.map((cell) => cell.getBoundingClientRect().height).join());
    window.watching = requestAnimationFrame(look);
  };
  look();
}"""
REPORT = """() => {
  cancelAnimationFrame(window.watching);
  return { ...window.seen, heights: [...window.seen.heights] };
}"""

# WCAG contrast of every text in the explorers against the page behind it; the lowest.
CONTRAST = """() => {
  const light = (color) => {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, i) => a * v + (1 - a) * under[i]);
  const behind = (node) => {
    const chain = [];
    for (let n = node; n; n = n.parentElement) chain.unshift(parse(getComputedStyle(n).backgroundColor));
    return chain.reduce((under, color) => over(color, under), [255, 255, 255]);
  };
  // The sign of a node stands on the disc that is drawn before it in the same group.
  const disc = (node) => node.parentElement.tagName === "g" && node.parentElement.querySelector(":scope > circle");
  const texts = [...document.querySelectorAll(".diffkit *")]
    .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()))
    .filter((node) => node.tagName !== "OPTION" && node.checkVisibility());
  const ratios = texts.map((node) => {
    const style = getComputedStyle(node);
    const page = behind(node);
    const own = node instanceof SVGElement && disc(node);
    const ground = own ? over(parse(getComputedStyle(own).fill), page) : page;
    const ink = over(parse(node instanceof SVGElement ? style.fill : style.color), ground);
    const [a, b] = [light(ink), light(ground)].sort((p, q) => q - p);
    return (a + 0.05) / (b + 0.05);
  });
  const lowest = Math.min(...ratios);
  return { texts: ratios.length, lowest, where: texts[ratios.indexOf(lowest)]?.outerHTML.slice(0, 120) };
}"""


def pixels(page, selector):
    """The content of a canvas."""
    return page.eval_on_selector(selector, "(canvas) => canvas.toDataURL()")


def lines(page, root):
    """The main line of every plot of an explorer."""
    return page.eval_on_selector_all(f"{root} svg[role=img] path.a", "(all) => all.map((p) => p.getAttribute('d'))")
