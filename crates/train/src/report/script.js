"use strict";
(() => {
const COLORS = 7, FEW = 40;
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes, parent, text) {
  const node = document.createElementNS(SVG, tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}
function html(tag, parent, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  parent.append(node);
  return node;
}
function number(v) {
  if (v === 0) return "0";
  const size = Math.abs(v);
  if (size >= 1e6 || size < 1e-4) return v.toExponential(2);
  return String(+v.toPrecision(4));
}

// Axis ticks: multiples of 1, 2 or 5 times a power of ten; powers of ten on a logarithmic axis.
function ticks(low, high, log, most) {
  if (log) {
    const from = Math.ceil(low - 1e-9), to = Math.floor(high + 1e-9), all = [];
    const stride = Math.max(1, Math.ceil((to - from + 1) / most));
    for (let e = from; e <= to; e += stride) all.push(e);
    if (all.length >= 2) return all.map(e => [e, number(10 ** e)]);
    return ticks(10 ** low, 10 ** high, false, most).filter(([v]) => v > 0).map(([v, text]) => [Math.log10(v), text]);
  }
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= rough * 0.999);
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) all.push([i * step, number(+(i * step).toPrecision(12))]);
  return all;
}

// The exponential moving average with Adam's bias correction; gaps are kept. A few points are not smoothed.
function smooth(points, weight) {
  if (weight === 0 || points.length <= FEW) return points;
  let mean = 0, count = 0;
  return points.map(([x, y]) => {
    if (y === null) return [x, y];
    mean = weight * mean + (1 - weight) * y;
    count += 1;
    return [x, mean / (1 - weight ** count)];
  });
}

function tip(box) {
  const node = html("div", box, "", "tip");
  node.hidden = true;
  return {
    show(x, y, rows) {
      node.replaceChildren();
      for (const [color, text] of rows) {
        const row = html("div", node);
        if (color) html("i", row).style.background = color;
        row.append(text);
      }
      node.hidden = false;
      const left = x + 14 + node.offsetWidth > box.clientWidth ? x - 14 - node.offsetWidth : x + 14;
      node.style.left = Math.max(0, left) + "px";
      node.style.top = Math.max(0, y - 10) + "px";
    },
    hide() { node.hidden = true; },
  };
}

// The position of the pointer relative to `box`, in pixels.
function where(event, box) {
  const rect = box.getBoundingClientRect();
  return [event.clientX - rect.left - box.clientLeft, event.clientY - rect.top - box.clientTop];
}

function axes(svg, frame, x, y, xLabel) {
  const { left, right, top, bottom } = frame;
  for (const [v, text] of ticks(y.low, y.high, y.log, 5)) {
    const at = y.at(v);
    make("line", { x1: left, x2: right, y1: at, y2: at, class: "grid" }, svg);
    make("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, svg, text);
  }
  for (const [v, text] of ticks(x.low, x.high, false, Math.max(2, Math.floor((right - left) / 90)))) {
    make("line", { x1: x.at(v), x2: x.at(v), y1: bottom, y2: bottom + 4, class: "axis" }, svg);
    make("text", { x: x.at(v), y: bottom + 17, "text-anchor": "middle" }, svg, text);
  }
  make("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "axis" }, svg);
  make("text", { x: (left + right) / 2, y: bottom + 33, "text-anchor": "middle" }, svg, xLabel);
}
function scale(low, high, from, to, log) {
  return { low, high, log, at: v => from + (v - low) / (high - low) * (to - from), back: p => low + (p - from) / (to - from) * (high - low) };
}
function ends(values, margin, atZero) {
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  if (low > high) return [0, 1];
  const span = high - low || Math.abs(high) || 1;
  if (high === low) return [low - span / 2, high + span / 2];
  return [atZero && low >= 0 && low < span / 4 ? 0 : low - margin * span, high + margin * span];
}

const LEFT = 52, HEIGHT = 250;

function curves(box, data, group) {
  let log = data.log;
  const shown = data.series.map(() => true);
  const head = html("div", box, undefined, "head");
  html("b", head, data.title + (data.y ? " (" + data.y + ")" : ""));
  const button = html("button", head, "log");
  button.onclick = () => { log = !log; draw(); };
  const legend = html("div", box, undefined, "legend");
  const color = i => `var(--c${i % COLORS})`;
  data.series.forEach((series, i) => {
    const entry = html("button", legend, series.name);
    entry.style.setProperty("--c", color(i));
    entry.setAttribute("aria-pressed", "true");
    entry.title = "show or hide";
    entry.onclick = () => { shown[i] = !shown[i]; entry.setAttribute("aria-pressed", shown[i]); draw(); };
  });
  const svg = make("svg", { height: HEIGHT, role: "img", "aria-label": data.title }, box);
  const tooltip = tip(box);
  let lines = [], x, y, frame;

  function draw() {
    button.setAttribute("aria-pressed", log);
    const width = svg.clientWidth || 400;
    frame = { left: LEFT, right: width - 10, top: 8, bottom: HEIGHT - 40 };
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.replaceChildren();
    const fits = y => y !== null && (!log || y > 0);
    const scaled = y => log ? Math.log10(y) : y;
    lines = data.series.map(series => smooth(series.points, group.weight));
    const seen = lines.flatMap((line, i) => shown[i] ? line.filter(p => p[0] !== null && fits(p[1])) : []);
    const raw = group.weight ? data.series.flatMap((s, i) => shown[i] ? s.points.filter(p => p[0] !== null && fits(p[1])) : []) : [];
    const [xl, xh] = ends(seen.map(p => p[0]), 0.01, true);
    const [yl, yh] = ends(seen.concat(raw).map(p => scaled(p[1])), 0.05, !log);
    x = scale(xl, xh, frame.left, frame.right, false);
    y = scale(yl, yh, frame.bottom, frame.top, log);
    axes(svg, frame, x, y, data.x);
    if (!seen.length) make("text", { x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, svg, "nothing to show");
    const path = (points, i, name) => {
      let pen = "M", text = "";
      for (const [px, py] of points) {
        if (px === null || !fits(py)) { pen = "M"; continue; }
        text += pen + x.at(px).toFixed(1) + " " + y.at(scaled(py)).toFixed(1);
        pen = "L";
      }
      if (text) make("path", { d: text, class: name, style: `stroke: ${color(i)}`, "stroke-linecap": "round" }, svg);
    };
    // In reverse order, so that the first line is on top.
    for (let i = lines.length - 1; i >= 0; i--) {
      if (!shown[i]) continue;
      if (lines[i] !== data.series[i].points) path(data.series[i].points, i, "data raw");
      path(lines[i], i, "data");
      if (lines[i].length <= FEW) for (const [px, py] of lines[i]) {
        if (px !== null && fits(py)) make("circle", { cx: x.at(px), cy: y.at(scaled(py)), r: 3, style: `fill: ${color(i)}` }, svg);
      }
    }
    make("line", { y1: frame.top, y2: frame.bottom, class: "axis", visibility: "hidden", "stroke-dasharray": "3 3" }, svg);
  }
  svg.onpointermove = event => {
    const [px, py] = where(event, box);
    const at = x.back(px - svg.getBoundingClientRect().left + box.getBoundingClientRect().left + box.clientLeft);
    let nearest = null;
    lines.forEach((line, i) => { if (shown[i]) for (const p of line) if (p[0] !== null && p[1] !== null && (nearest === null || Math.abs(p[0] - at) < Math.abs(nearest - at))) nearest = p[0]; });
    if (nearest === null) return;
    const rows = [[null, (data.x || "x") + " " + number(nearest)]];
    lines.forEach((line, i) => {
      if (!shown[i]) return;
      let best = null;
      for (const p of line) if (p[0] !== null && p[1] !== null && (best === null || Math.abs(p[0] - nearest) < Math.abs(best[0] - nearest))) best = p;
      if (best) rows.push([color(i), data.series[i].name + " " + number(best[1]) + (best[0] === nearest ? "" : " at " + number(best[0]))]);
    });
    const cursor = svg.lastChild;
    cursor.setAttribute("x1", x.at(nearest)); cursor.setAttribute("x2", x.at(nearest)); cursor.setAttribute("visibility", "visible");
    tooltip.show(px, py, rows);
  };
  svg.onpointerleave = () => { tooltip.hide(); if (svg.lastChild) svg.lastChild.setAttribute("visibility", "hidden"); };
  return draw;
}

function histogram(box, data) {
  html("b", html("div", box, undefined, "head"), data.title);
  const height = 150, svg = make("svg", { height, role: "img", "aria-label": data.title }, box);
  const tooltip = tip(box);
  svg.onpointerleave = tooltip.hide;
  return () => {
    const width = svg.clientWidth || 240;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const frame = { left: 8, right: width - 8, top: 6, bottom: height - 26 };
    const most = Math.max(1, ...data.counts);
    if (!data.counts.length) { make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg, "no values"); return; }
    const x = scale(data.low, data.high, frame.left, frame.right, false);
    const wide = (data.high - data.low) / data.counts.length;
    data.counts.forEach((count, i) => {
      const from = data.low + i * wide, tall = (frame.bottom - frame.top) * count / most;
      const bar = make("rect", { x: x.at(from) + 0.5, width: Math.max(0.5, x.at(from + wide) - x.at(from) - 1), y: frame.bottom - tall, height: tall, class: "bar" }, svg);
      bar.onpointermove = event => tooltip.show(...where(event, box), [[null, `${number(from)} to ${number(from + wide)}: ${count}`]]);
    });
    make("line", { x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom, class: "axis" }, svg);
    for (const [v, text] of ticks(data.low, data.high, false, 4)) {
      const at = Math.min(Math.max(x.at(v), 20), width - 20);
      make("line", { x1: x.at(v), x2: x.at(v), y1: frame.bottom, y2: frame.bottom + 4, class: "axis" }, svg);
      make("text", { x: at, y: frame.bottom + 17, "text-anchor": "middle" }, svg, text);
    }
  };
}

// Viridis.
const MAP = ["#440154", "#472c7a", "#3b518b", "#2c718e", "#21908d", "#27ad81", "#5cc863", "#aadc32", "#fde725"]
  .map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
function shade(share) {
  const at = Math.min(Math.max(share, 0), 1) * (MAP.length - 1), low = Math.min(Math.floor(at), MAP.length - 2);
  return `rgb(${MAP[low].map((c, i) => Math.round(c + (at - low) * (MAP[low + 1][i] - c))).join(" ")})`;
}

function heatmap(box, data) {
  const row = 18, height = row * data.rows.length + 66;
  const svg = make("svg", { height, role: "img", "aria-label": "heat map" }, box);
  const tooltip = tip(box);
  svg.onpointerleave = tooltip.hide;
  const fits = v => v !== null && (!data.log || v > 0), scaled = v => data.log ? Math.log10(v) : v;
  return () => {
    const width = svg.clientWidth || 400;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    const letters = Math.max(4, ...data.rows.map(name => name.length));
    const left = Math.min(letters * 6.8 + 10, width * 0.4), right = width - 12;
    const cut = Math.floor((left - 10) / 6.8);
    const values = data.values.flat().filter(fits).map(scaled);
    const [low, high] = ends(values, 0, false);
    const wide = (right - left) / Math.max(1, data.columns.length);
    data.rows.forEach((name, r) => {
      const short = name.length > cut ? "…" + name.slice(name.length - cut + 1) : name;
      make("text", { x: left - 6, y: r * row + 13, "text-anchor": "end" }, svg, short);
      data.values[r].forEach((v, c) => {
        const cell = make("rect", { x: left + c * wide, y: r * row, width: wide + 0.4, height: row - 1, fill: fits(v) ? shade((scaled(v) - low) / (high - low)) : "none" }, svg);
        cell.onpointermove = event => tooltip.show(...where(event, box), [[null, name], [null, `${data.label} ${number(data.columns[c])}: ${v === null ? "-" : number(v)}`]]);
      });
    });
    const bottom = row * data.rows.length;
    const shown = Math.max(1, Math.ceil(70 / wide));
    for (let c = 0; c < data.columns.length; c += shown) {
      make("text", { x: left + (c + 0.5) * wide, y: bottom + 16, "text-anchor": "middle" }, svg, number(data.columns[c]));
    }
    make("text", { x: (left + right) / 2, y: bottom + 32, "text-anchor": "middle" }, svg, data.label);
    // The colour scale.
    const bar = Math.min(180, right - left - 110), steps = 40, value = v => number(data.log ? 10 ** v : v);
    const start = right - bar - 52, y = bottom + 44;
    for (let i = 0; i < steps; i++) make("rect", { x: start + i * bar / steps, y, width: bar / steps + 0.4, height: 12, fill: shade((i + 0.5) / steps) }, svg);
    make("text", { x: start - 6, y: y + 10, "text-anchor": "end" }, svg, value(low));
    make("text", { x: start + bar + 6, y: y + 10 }, svg, value(high));
  };
}

const drawn = [];
function start(kind, group) {
  return box => {
    const data = JSON.parse(box.querySelector("script").textContent);
    const draw = kind(box, data, group);
    draw();
    drawn.push(draw);
    return draw;
  };
}
for (const charts of document.querySelectorAll(".charts")) {
  const group = { weight: 0 }, boxes = [...charts.querySelectorAll(".curves")];
  const draws = boxes.map(start(curves, group));
  if (boxes.length) {
    const tools = document.createElement("label");
    tools.className = "tools";
    tools.append("smoothing");
    const slider = html("input", tools);
    Object.assign(slider, { type: "range", min: 0, max: 0.99, step: 0.01, value: 0 });
    const said = html("output", tools, "0");
    slider.oninput = () => { group.weight = +slider.value; said.textContent = slider.value; draws.forEach(draw => draw()); };
    charts.prepend(tools);
  }
}
document.querySelectorAll(".histogram").forEach(start(histogram));
document.querySelectorAll(".heatmap").forEach(start(heatmap));
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; drawn.forEach(draw => draw()); } });
})();
