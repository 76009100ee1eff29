// The page: asks the worker for some steps at a time, and shows what comes of them.
const $ = (id) => document.getElementById(id);

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map();
let calls = 0;
worker.onmessage = ({ data: { id, result, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  error === undefined ? resolve(result) : reject(new Error(error));
};
worker.onerror = (event) => say(`The program stopped: ${event.message}. Reload the page.`, true);

/** Calls the program; the promise fails with its message. */
export function ask(call, ...args) {
  return new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, call, args });
  });
}

const state = { task: null, running: null, history: [], tests: [], copy: null, drawn: false };
window.wgrad = { ask, state };

function say(text, error = false) {
  $("message").textContent = text;
  $("message").classList.toggle("error", error);
}

const task = () => document.querySelector("[name=task]:checked").value;

function chosen() {
  $("cifar").hidden = task() !== "shapes";
  $("verses").hidden = task() !== "text";
  $("lr").value = task() === "text" ? 0.002 : 0.001;
  $("batch").value = task() === "text" ? 16 : 32;
}

/** Chooses the CPU where there is no GPU. */
async function adapter() {
  if (navigator.gpu && (await navigator.gpu.requestAdapter().catch(() => null))) return;
  $("device").value = "cpu";
  $("device").querySelector("[value=gpu]").disabled = true;
  say("This browser has no WebGPU here: training runs on the CPU, which is slower.");
}

async function start() {
  const [name, file] = [task(), $("file").files[0]];
  const which = name === "shapes" && file ? "cifar" : name;
  const bytes = which === "cifar" ? new Uint8Array(await file.arrayBuffer()) : which === "text" ? new TextEncoder().encode($("text").value) : undefined;
  Object.assign(state, { running: null, history: [], tests: [], copy: null });
  for (const id of ["start", "pause", "save", "load"]) $(id).disabled = true;
  say("Starting ..");
  try {
    const options = { task: which, seed: Number($("seed").value), batch: Number($("batch").value) };
    Object.assign(state, { task: which, about: await ask("open", $("device").value, options, bytes), options, bytes });
    $("progress").hidden = false;
    $("draw").hidden = which !== "digits";
    $("written").hidden = which !== "text";
    for (const id of ["pause", "save", "load"]) $(id).disabled = false;
    $("load-label").removeAttribute("aria-disabled");
    run();
  } catch (error) {
    say(error.message, true);
  } finally {
    $("start").disabled = false;
  }
}

/** Trains until paused. A few steps at a time, so that a pause or a drawing is answered soon. */
async function run() {
  // A loop that was paused in its last steps must not go on when the next one begins.
  const [own, history] = [(state.running = {}), state.history];
  $("pause").textContent = "Pause";
  let [count, due] = [1, 0];
  try {
    while (state.running === own) {
      const begin = performance.now();
      const steps = await ask("train", count, Number($("lr").value));
      const seconds = (performance.now() - begin) / 1000;
      if (state.history !== history) return; // another training began meanwhile
      history.push(...steps);
      state.rate = (count * state.options.batch * state.about.each) / seconds;
      // About four answers a second.
      count = Math.max(1, Math.min(50, Math.round((count * 0.25) / seconds)));
      const bad = steps.find(({ loss }) => loss === null);
      if (bad) throw new Error(`The loss of step ${bad.step} is not a number: choose a smaller learning rate, and train again.`);
      if (performance.now() > due) {
        const start = performance.now();
        await measure();
        // At most a fifth of the time is measured.
        due = performance.now() + Math.max(500, 4 * (performance.now() - start));
      }
      show();
      if (state.drawn) await guess();
      await drawn();
    }
    if (!state.running) say("Paused.");
  } catch (error) {
    if (state.running === own) state.running = null;
    await lost(error);
  }
}

/** Lets the browser draw. In the background nothing is drawn: the page goes on or waits, as told. */
async function drawn() {
  if (!document.hidden) {
    const hidden = new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
    return Promise.race([new Promise(requestAnimationFrame), hidden]);
  }
  if ($("background").checked) return;
  await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
}

async function measure() {
  const step = state.history.at(-1).step;
  state.tests.push({ step, ...(await ask("evaluate")) });
  state.about = await ask("about");
  state.copy = await ask("weights");
  if (state.task === "text") $("sample").textContent = await ask("sample", "\n", 160, 0.8).catch((error) => error.message);
}

/** After a lost device: opens it again, and goes on from the last copy of the weights. */
async function lost(error) {
  if (!/lost/i.test(error.message) || !state.copy) return say(error.message, true);
  say(`The GPU was lost (${error.message}). Training starts again from the last copy of the weights.`, true);
  try {
    state.about = await ask("open", $("device").value, state.options, state.bytes);
    await ask("setWeights", state.copy);
    run();
  } catch (again) {
    say(again.message, true);
  }
}

function show() {
  const [last, test] = [state.history.at(-1), state.tests.at(-1)];
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  const rate = `${state.rate >= 10 ? Math.round(state.rate) : state.rate.toFixed(1)} ${state.about.unit}/s`;
  const figures = {
    Step: last.step,
    Loss: last.loss.toFixed(4),
    ...(test?.accuracy !== undefined ? { "Accuracy on new pictures": percent(test.accuracy) } : {}),
    ...(test?.loss !== undefined ? { "Loss on new text": test.loss.toFixed(4) } : {}),
    Speed: rate,
    Device: state.about.device,
    Parameters: state.about.parameters.toLocaleString("en"),
    "Launches of a step": state.about.launches ?? "",
    Memory: `${(state.about.memory / 1e6).toFixed(0)} MB`,
  };
  $("figures").replaceChildren(
    ...Object.entries(figures).map(([name, value]) => {
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value }));
      return pair;
    }),
  );
  if (state.running) say(`Training on ${state.about.device}.`);
  curve();
}

/** Loss, scaled to the largest, and accuracy from 0 to 1, by step. */
function curve() {
  const [canvas, style] = [$("curve"), getComputedStyle(document.documentElement)];
  const [g, { width, height }] = [canvas.getContext("2d"), canvas];
  const color = (name) => getComputedStyle($("message").ownerDocument.querySelector(`.${name}`)).color;
  g.clearRect(0, 0, width, height);
  g.strokeStyle = g.fillStyle = getComputedStyle(document.querySelector("figcaption")).color;
  g.globalAlpha = 0.3;
  g.strokeRect(0.5, 0.5, width - 1, height - 1);
  g.globalAlpha = 1;
  g.font = "12px system-ui";
  const end = Math.max(2, state.history.at(-1).step);
  const top = Math.max(...state.history.map(({ loss }) => loss), 1e-6);
  const line = (points, most, stroke) => {
    g.strokeStyle = stroke;
    g.lineWidth = 2;
    g.beginPath();
    points.forEach(([step, value], i) => g[i ? "lineTo" : "moveTo"](((step - 1) / (end - 1)) * width, height - (value / most) * (height - 16)));
    g.stroke();
  };
  // At most one point a pixel: the mean of its steps.
  const bin = Math.ceil(state.history.length / width);
  const mean = (key) => {
    const points = [];
    for (let i = 0; i < state.history.length; i += bin) {
      const part = state.history.slice(i, i + bin);
      points.push([part.at(-1).step, part.reduce((sum, p) => sum + p[key], 0) / part.length]);
    }
    return points;
  };
  line(mean("loss"), top, color("loss"));
  const tests = state.tests.filter(({ accuracy }) => accuracy !== undefined);
  line(tests.length ? tests.map(({ step, accuracy }) => [step, accuracy]) : mean("accuracy"), 1, color("accuracy"));
  g.fillText(`loss ${top.toFixed(2)}, accuracy 1`, 6, 14);
  g.fillText(`step ${end}`, width - 70, height - 6);
}

/** The drawing as 28 x 28 numbers from 0 to 1: its longer side has 18 pixels, and its middle is in the middle. */
function pixels() {
  const pad = $("pad");
  const drawn = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height).data;
  const box = { left: pad.width, top: pad.height, right: -1, bottom: -1 };
  for (let i = 0; i < pad.width * pad.height; i++) {
    if (!drawn[4 * i]) continue;
    const [x, y] = [i % pad.width, Math.floor(i / pad.width)];
    Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), top: Math.min(box.top, y), bottom: Math.max(box.bottom, y) });
  }
  const g = Object.assign(document.createElement("canvas"), { width: 28, height: 28 }).getContext("2d");
  const [width, height] = [box.right - box.left + 1, box.bottom - box.top + 1];
  if (width > 0) {
    const scale = 18 / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    g.imageSmoothingQuality = "high";
    g.drawImage(pad, box.left, box.top, width, height, (28 - w) / 2, (28 - h) / 2, w, h);
  }
  return Float32Array.from(g.getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 === 0), (v) => v / 255);
}

async function guess() {
  const classes = await ask("classify", pixels());
  $("guess").replaceChildren(
    ...classes.map(([name, p]) => {
      const item = document.createElement("li");
      const bar = document.createElement("i");
      bar.style.width = `${100 * p}%`;
      item.append(name, bar, `${(100 * p).toFixed(0)} %`);
      return item;
    }),
  );
}

function pad() {
  const [canvas, g] = [$("pad"), $("pad").getContext("2d", { willReadFrequently: true })];
  Object.assign(g, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round", lineJoin: "round" });
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  const stroke = (from, to) => {
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...to);
    g.stroke();
    state.drawn = true;
  };
  const ended = () => state.drawn && !state.running && guess().catch((error) => say(error.message, true));
  let from = null;
  canvas.onpointerdown = (event) => ((from = at(event)), canvas.setPointerCapture(event.pointerId));
  canvas.onpointermove = (event) => {
    if (!from) return;
    const to = at(event);
    stroke(from, to);
    from = to;
  };
  canvas.onpointerup = () => {
    from = null;
    ended();
  };
  // The pen of the keyboard: arrows draw, with Shift they only move.
  let pen = [140, 60];
  const moves = { ArrowLeft: [-20, 0], ArrowRight: [20, 0], ArrowUp: [0, -20], ArrowDown: [0, 20] };
  canvas.onkeydown = (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const to = pen.map((x, i) => Math.min(260, Math.max(20, x + move[i])));
    if (!event.shiftKey) {
      stroke(pen, to);
      ended();
    }
    pen = to;
  };
  $("clear").onclick = () => {
    g.clearRect(0, 0, canvas.width, canvas.height);
    state.drawn = false;
    $("guess").replaceChildren();
  };
}

document.querySelectorAll("[name=task]").forEach((radio) => (radio.onchange = chosen));
$("start").onclick = start;
$("pause").onclick = () => {
  if (state.running) {
    state.running = null;
    $("pause").textContent = "Go on";
  } else run();
};
$("save").onclick = async () => {
  const bytes = await ask("weights").catch((error) => say(error.message, true));
  if (!bytes) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = `${state.task}.safetensors`;
  link.click();
  URL.revokeObjectURL(link.href);
};
$("load").onchange = async () => {
  try {
    await ask("setWeights", new Uint8Array(await $("load").files[0].arrayBuffer()));
    say("The weights are loaded.");
  } catch (error) {
    say(error.message, true);
  }
  $("load").value = "";
};
pad();
chosen();
$("text").value = await fetch("verses.txt").then((answer) => (answer.ok ? answer.text() : "")).catch(() => "");
await adapter();
