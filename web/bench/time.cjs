// Median times of steps in rounds of all libraries; see web/bench/run.
const { chromium, serve } = require("../browser.cjs");

const CALLS = [
  ["wgrad", "wasm"],
  ["tfjs", "wasm"],
  ["jax", "wasm"],
  ["wgrad", "webgpu"],
  ["tfjs", "webgpu"],
  ["jax", "webgpu"],
];
const NETS = process.argv.length > 2 ? process.argv.slice(2) : ["mlp", "digits", "resnet20", "gpt-mini"];
/** Rounds, and the milliseconds of steps of a round. */
const [ROUNDS, SHARE] = [3, 4000];
/** A library that needs longer for its first step is given up. */
const PATIENCE = 180_000;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function within(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A page in which the library has taken its first step. */
async function start(browser, address, net, [library, backend]) {
  const page = await browser.newPage();
  await page.goto(address);
  await page.waitForFunction(() => window.bench);
  const lr = net === "resnet20" ? 0.05 : 0.001;
  const steps = (count) => within(page.evaluate((...args) => window.bench.steps(...args), library, count, lr), PATIENCE);
  const parameters = await within(page.evaluate((...args) => window.bench.prepare(...args), library, backend, net), PATIENCE);
  const first = await steps(1);
  await steps(1);
  return { page, parameters, steps, first: first.times[0], losses: first.losses, times: [] };
}

async function compare(browser, address, net) {
  const running = new Map();
  for (const call of CALLS) {
    try {
      running.set(call.join(" "), await start(browser, address, net, call));
    } catch (error) {
      console.log(`${net}, ${call.join(" ")}: ${error.message.split("\n")[0]}`);
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const at of running.values()) {
      const until = Date.now() + SHARE;
      do {
        const { losses, times } = await at.steps(1);
        at.losses.push(...losses);
        at.times.push(...times);
      } while (Date.now() < until);
    }
  }
  for (const [name, { page, parameters, first, times, losses }] of running) {
    const numbers = [parameters, first.toFixed(0), median(times).toFixed(1), times.length, losses[0].toFixed(3), losses.at(-1).toFixed(3)];
    console.log(`| ${net} | ${name} | ${numbers.join(" | ")} |`);
    await page.close();
  }
}

(async () => {
  const address = await serve("target/web-bench");
  const browser = await chromium();
  console.log(await browser.version());
  console.log("| network | library | parameters | first step, ms | step, ms | steps | first loss | last loss |\n|---|---|---|---|---|---|---|---|");
  for (const net of NETS) await compare(browser, address, net);
  process.exit();
})();
