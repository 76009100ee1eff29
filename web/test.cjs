// The page in real browsers; see web/test.
const { mkdir } = require("node:fs/promises");
const { execFileSync } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
const { chromium, firefox, serve } = require("./browser.cjs");

const folder = "target/web";
const long = process.env.WGRAD_LONG === "1";

function check(holds, what) {
  if (!holds) throw new Error(what);
}

async function open(browser, address, before = () => {}) {
  const page = await browser.newPage();
  await before(page);
  page.on("pageerror", (error) => console.log("page error:", error.message));
  await page.goto(address);
  await page.waitForFunction(() => window.wgrad && !document.getElementById("start").disabled, { timeout: 30_000 });
  return page;
}

/** Losses of a task's first steps. */
function losses(page, device, task, { batch, lr }, count) {
  return page.evaluate(
    async (device, task, batch, lr, count) => {
      const bytes = task === "text" ? new TextEncoder().encode(document.getElementById("text").value) : undefined;
      await window.wgrad.ask("open", device, { task, seed: 1, batch }, bytes);
      return (await window.wgrad.ask("train", count, lr)).map(({ loss }) => loss);
    },
    device,
    task,
    batch,
    lr,
    count,
  );
}

const furthest = (a, b) => Math.max(...a.map((x, i) => Math.abs(x - b[i]) / Math.abs(b[i])));

async function equalLosses(name, page, devices, count) {
  const native = Object.fromEntries(["cpu", "software"].map((d) => [d, JSON.parse(readFileSync(`target/web-${d}.json`))]));
  for (const device of devices) {
    for (const task of ["digits", "shapes", "text"]) {
      const found = await losses(page, device, task, native.cpu[task], count);
      const [cpu, software] = ["cpu", "software"].map((d) => furthest(found, native[d][task].losses));
      console.log(`${name}, ${device}, ${task}: ${count} steps, furthest from the native CPU ${cpu.toExponential(1)}, from lavapipe ${software.toExponential(1)}`);
      check(cpu < 1e-3 && software < 1e-3, `${name}: other losses of ${task}`);
    }
  }
}

/** Trains by the buttons. */
async function buttons(page) {
  await page.select("#device", "cpu");
  await page.click("#start");
  const steps = () => page.evaluate(() => window.wgrad.state.history.length);
  await page.waitForFunction(() => window.wgrad.state.history.length > 3, { timeout: 60_000 });
  await page.click("#pause");
  await page.waitForFunction(() => document.getElementById("message").textContent === "Paused.", { timeout: 60_000 });
  const paused = await steps();
  await new Promise((done) => setTimeout(done, 1000));
  check((await steps()) === paused, "a paused page trains");
  const pad = await page.$("#pad");
  await pad.scrollIntoView();
  const box = await pad.boundingBox();
  await page.mouse.move(box.x + 100, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 105, box.y + 160, { steps: 8 });
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelectorAll("#guess li").length === 10, { timeout: 30_000 });
  await page.click("#pause");
  await page.waitForFunction((before) => window.wgrad.state.history.length > before, { timeout: 60_000 }, paused);
  await page.click("#pause");
  console.log("buttons: trains, pauses, classifies a drawing, goes on");
}

/** Chooses, trains, draws and pauses without a mouse. */
async function keyboard(page) {
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const to = async (id) => {
    await page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 40; i++) {
      if (await page.evaluate((id) => document.activeElement.id === id, id)) return;
      await press("Tab");
    }
    throw new Error(`#${id} is not reached by the keyboard`);
  };
  await page.focus("[value=digits]");
  await press("ArrowDown", "ArrowDown");
  check(await page.evaluate(() => !document.getElementById("verses").hidden), "arrows do not choose a task");
  await press("ArrowUp", "ArrowUp");
  await page.select("#device", "cpu");
  await to("start");
  await press("Enter");
  await page.waitForFunction(() => window.wgrad.state.history.length > 3, { timeout: 60_000 });
  await to("pad");
  await press("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown");
  await page.waitForFunction(() => document.querySelectorAll("#guess li").length === 10, { timeout: 30_000 });
  await to("pause");
  await press("Space");
  await page.waitForFunction(() => document.getElementById("message").textContent === "Paused.", { timeout: 60_000 });
  console.log("keyboard: a task chosen, training, a stroke, a pause");
}

/** A tab behind another: goes on, or waits until it is seen again, as told. */
async function background(browser, page) {
  await page.select("#device", "cpu");
  await page.click("#start");
  const steps = () => page.evaluate(() => window.wgrad.state.history.length);
  const further = async (from) => page.waitForFunction((from) => window.wgrad.state.history.length > from + 3, { timeout: 60_000, polling: 100 }, from);
  await further(0);
  const other = await browser.newPage();
  await other.bringToFront();
  check(await page.evaluate(() => document.hidden), "the page is not in the background");
  await further(await steps());
  await page.evaluate(() => (document.getElementById("background").checked = false));
  await new Promise((done) => setTimeout(done, 1500));
  const waits = await steps();
  await new Promise((done) => setTimeout(done, 1500));
  check((await steps()) === waits, "the page goes on in the background");
  await other.close();
  await page.bringToFront();
  await further(waits);
  await page.click("#pause");
  console.log("background: goes on, waits when told, and goes on when it is seen");
}

/** Weights of the page in a native program, and of that in the page. */
async function weights(page) {
  const [from, to] = ["target/web-page.safetensors", "target/web-native.safetensors"];
  const given = await page.evaluate(async () => {
    await window.wgrad.ask("open", "gpu", { task: "digits", seed: 1, batch: 32 });
    await window.wgrad.ask("train", 20, 0.001);
    return { bytes: Array.from(await window.wgrad.ask("weights")), accuracy: (await window.wgrad.ask("evaluate")).accuracy };
  });
  writeFileSync(from, Buffer.from(given.bytes));
  const native = JSON.parse(execFileSync("target/debug/examples/weights", [from, to]));
  const back = await page.evaluate(async (bytes) => {
    await window.wgrad.ask("setWeights", new Uint8Array(bytes));
    return (await window.wgrad.ask("evaluate")).accuracy;
  }, Array.from(readFileSync(to)));
  // One of the 500 test pictures may fall on the other side of a tie.
  const near = (a, b) => Math.abs(a - b) < 0.0025;
  const all = `${given.accuracy} in the page, ${native.read.accuracy} natively; 20 native steps more ${native.written.accuracy}, in the page ${back}`;
  check(near(given.accuracy, native.read.accuracy) && near(native.written.accuracy, back), `weights: ${all}`);
  check(native.written.accuracy > native.read.accuracy, `weights: ${all}`);
  console.log(`weights: accuracy ${all}`);
}

/** A browser without WebGPU: the CPU is chosen, and said. */
async function withoutGpu(browser, address) {
  const page = await open(browser, address, (page) => page.evaluateOnNewDocument(() => delete Navigator.prototype.gpu));
  check((await page.$eval("#message", (p) => p.textContent)).includes("no WebGPU"), "a missing WebGPU is not said");
  await page.click("#start");
  await page.waitForFunction(() => window.wgrad.state.history.length > 3, { timeout: 60_000 });
  check((await page.evaluate(() => window.wgrad.state.about.device)).includes("CPU"), "not on the CPU");
  await page.close();
  console.log("no WebGPU: said, and trains on the CPU");
}

/** A browser that cannot suspend a program: trains, and what must wait within the library is an error in words. */
async function withoutSuspension(browser) {
  const none = "delete WebAssembly.Suspending; delete WebAssembly.promising;";
  const address = await serve(folder, (name, bytes) => (name === "worker.js" ? Buffer.concat([Buffer.from(none), bytes]) : bytes));
  const page = await open(browser, address);
  const found = await page.evaluate(async () => {
    const { ask } = window.wgrad;
    await ask("open", "gpu", { task: "digits", seed: 1, batch: 8 });
    const [{ loss }] = await ask("train", 1, 0.001);
    const { accuracy } = await ask("evaluate");
    await ask("open", "gpu", { task: "text", seed: 1, batch: 2 }, new TextEncoder().encode(document.getElementById("text").value));
    await ask("train", 1, 0.001);
    const written = await ask("sample", "a", 4, 1).then(() => "", (error) => error.message);
    const [after] = await ask("train", 1, 0.001);
    return { loss, accuracy, written, after: after.loss };
  });
  check(found.loss > 1 && found.accuracy > 0 && found.after > 1, `without suspension: ${JSON.stringify(found)}`);
  check(found.written.includes("wait"), `what must wait: ${found.written}`);
  await page.close();
  console.log(`no suspension: trains; writing a text: "${found.written}"`);
}

/** Files that are not what they should be. */
async function badFiles(page) {
  const message = (call, ...args) => page.evaluate((call, args) => window.wgrad.ask(call, ...args).then(() => "", (e) => e.message), call, args);
  const cifar = await page.evaluate(() => window.wgrad.ask("open", "cpu", { task: "cifar", seed: 1, batch: 8 }, new Uint8Array(100)).then(() => "", (e) => e.message));
  check(cifar.includes("data_batch_1.bin"), `a bad picture file: ${cifar}`);
  check((await message("train", 1, 0.1)).includes("nothing is trained"), "after a bad file");
  await page.evaluate(() => window.wgrad.ask("open", "cpu", { task: "digits", seed: 1, batch: 8 }));
  const weights = await page.evaluate(() => window.wgrad.ask("setWeights", new Uint8Array(64)).then(() => "", (e) => e.message));
  check(weights.includes("not a valid file of weights"), `bad weights: ${weights}`);
  console.log("bad files: named in the page, and training goes on");
}

/** Destroys the device while it trains. */
async function lostDevice(browser, address) {
  const page = await open(browser, address);
  await page.workers()[0].evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      return (self.opened = await request.apply(this, args));
    };
  });
  await page.click("#start");
  await page.waitForFunction(() => window.wgrad.state.copy && window.wgrad.state.history.length > 2, { timeout: 120_000 });
  const before = await page.evaluate(() => window.wgrad.state.history.length);
  await page.workers()[0].evaluate(() => self.opened.destroy());
  await page.waitForFunction((before) => window.wgrad.state.history.length > before + 2, { timeout: 180_000 }, before);
  console.log("a lost device: training starts again from the last copy");
  await page.close();
}

async function learns(page) {
  const start = Date.now();
  const found = await page.evaluate(async () => {
    await window.wgrad.ask("open", "gpu", { task: "digits", seed: 1, batch: 32 });
    const begin = performance.now();
    let [best, steps] = [0, 0];
    while (best < 0.97 && performance.now() - begin < 600_000) {
      steps += (await window.wgrad.ask("train", 20, 0.002)).length;
      best = (await window.wgrad.ask("evaluate")).accuracy;
    }
    return { best, steps };
  });
  console.log(`digits on the adapter: ${(100 * found.best).toFixed(1)} % after ${found.steps} steps, ${((Date.now() - start) / 1000).toFixed(0)} s`);
  check(found.best >= 0.97, "digits are not learned");
}

async function flatMemory(page, steps) {
  const [early, late] = await page.evaluate(async (steps) => {
    await window.wgrad.ask("open", "cpu", { task: "digits", seed: 1, batch: 8 });
    const used = async () => (await window.wgrad.ask("about")).memory;
    await window.wgrad.ask("train", 20, 0.001);
    const early = await used();
    for (let i = 0; i < steps; i += 20) await window.wgrad.ask("train", 20, 0.001);
    return [early, await used()];
  }, steps);
  console.log(`memory: ${early} bytes after 20 steps, ${late} after ${steps} more`);
  check(late <= early, "memory grows");
}

/** Every shader of native plans, and all their variants, as the browser's own compiler takes them. */
async function shaders(page) {
  for (const net of ["mlp", "resnet20", "resnet50", "lstm", "gpt-mini", "gpt-2"]) {
    for (const adapter of ["nvidia", "amd", "other"]) {
      const lines = execFileSync("target/debug/wgrad", ["shaders", net, "--adapter", adapter, "--variants"], { maxBuffer: 1 << 28 });
      const sources = [...new Set(lines.toString().trim().split("\n").map((line) => JSON.parse(line).source))];
      const refused = await page.evaluate(async (sources) => {
        const device = await (await navigator.gpu.requestAdapter()).requestDevice();
        const messages = async (code) => (await device.createShaderModule({ code }).getCompilationInfo()).messages;
        const all = await Promise.all(sources.map(messages));
        device.destroy();
        return all.flat().filter(({ type }) => type === "error").map(({ message }) => message);
      }, sources);
      check(refused.length === 0, `${net} for ${adapter}: ${refused[0]}`);
      console.log(`shaders of ${net} for ${adapter}: ${sources.length} accepted`);
    }
  }
}

async function screenshots(browser, address) {
  const at = "docs/results/web";
  await mkdir(at, { recursive: true });
  for (const [name, width, scheme, task] of [["light", 1000, "light", "digits"], ["dark", 1000, "dark", "text"], ["phone", 390, "light", "digits"]]) {
    const page = await open(browser, address);
    await page.setViewport({ width, height: 1100 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.select("#device", "cpu");
    await page.click(`[value=${task}]`);
    await page.click("#start");
    await page.waitForFunction(() => window.wgrad.state.history.length > 60 && window.wgrad.state.tests.length > 1, { timeout: 240_000 });
    if (task === "digits") {
      const pad = await page.$("#pad");
      await pad.scrollIntoView();
      const box = await pad.boundingBox();
      await page.mouse.move(box.x + 60, box.y + 50);
      await page.mouse.down();
      for (const [x, y] of [[150, 50], [110, 160]]) await page.mouse.move(box.x + x, box.y + y, { steps: 6 });
      await page.mouse.up();
      await page.waitForFunction(() => document.querySelectorAll("#guess li").length === 10, { timeout: 30_000 });
    }
    await page.screenshot({ path: `${at}/${name}.png`, fullPage: true });
    await page.close();
  }
}

(async () => {
  const address = await serve(folder);
  try {
    const browser = await chromium();
    const page = await open(browser, address);
    if (process.env.WGRAD_LOSSES !== "0") await equalLosses("Chromium", page, ["cpu", "gpu"], 20);
    await shaders(page);
    await badFiles(page);
    await weights(page);
    await page.close();
    await withoutGpu(browser, address);
    await withoutSuspension(browser);
    const shown = await open(browser, address);
    await buttons(shown);
    await keyboard(shown);
    await background(browser, shown);
    await flatMemory(shown, long ? 2000 : 200);
    if (long) await learns(shown);
    await shown.close();
    await lostDevice(browser, address);
    if (process.env.WGRAD_SHOTS === "1") await screenshots(browser, address);
    await browser.close();
    const other = await firefox();
    await equalLosses("Firefox", await open(other, address), ["gpu"], 5);
    await other.close();
    console.log("passed");
  } catch (error) {
    console.log("failed:", error.message);
    process.exitCode = 1;
  } finally {
    process.exit();
  }
})();
