// Shows the values at the time under the pointer. Texts come from data and are only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById("d").textContent);
  const box = document.getElementById("c"), tip = document.getElementById("h"), svg = box.querySelector("svg");
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return svg.appendChild(element);
  };
  const first = data.p[0], last = data.p[data.p.length - 1];
  const rule = make("path", { class: "a", "pointer-events": "none" });
  const dots = [];
  for (const panel of data.p)
    for (const line of panel.l) {
      const dot = make("path", { class: "p " + line.s, "pointer-events": "none" });
      dots.push({ panel, line, dot, at: new Map(line.p.map((p) => [p[0], p])) });
    }
  const hide = () => {
    tip.style.display = "none";
    rule.removeAttribute("d");
    for (const { dot } of dots) dot.removeAttribute("d");
  };
  const row = (...parts) => tip.appendChild(document.createElement("div")).append(...parts);
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect(), ratio = data.w / frame.width;
    const x = (event.clientX - frame.left) * ratio;
    let near = null;
    for (const time of data.x) if (!near || Math.abs(time[0] - x) < Math.abs(near[0] - x)) near = time;
    if (!near) return;
    rule.setAttribute("d", `M${near[0]} ${first.t}V${last.b}`);
    tip.replaceChildren();
    row(near[1]);
    let panel = null;
    for (const entry of dots) {
      const point = entry.at.get(near[0]);
      if (!point) { entry.dot.removeAttribute("d"); continue; }
      entry.dot.setAttribute("d", `M${point[0]} ${point[1]}h0`);
      if (data.p.length > 1 && panel !== entry.panel) row((panel = entry.panel).n);
      const mark = document.createElement("i");
      mark.style.background = getComputedStyle(entry.dot).stroke;
      row(mark, (entry.line.n ? entry.line.n + "  " : "") + point[2]);
    }
    tip.style.display = "block";
    const left = (near[0] / ratio) + 14;
    tip.style.left = (left + tip.offsetWidth > frame.width ? Math.max(0, left - tip.offsetWidth - 28) : left) + "px";
    tip.style.top = Math.max(0, Math.min(event.clientY - frame.top, frame.height - tip.offsetHeight)) + "px";
  });
})();
