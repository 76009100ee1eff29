// Step times beside TensorFlow.js in headless Chromium, in turn: `node web/bench/tensorflow.cjs`, after web/build, with puppeteer-core and
// @tensorflow/tfjs, tfjs-backend-webgpu and tfjs-backend-wasm in NODE_PATH. Prints a line for each network and backend: medians of three
// rounds, in milliseconds.
const puppeteer = require("puppeteer-core");
const { createServer } = require("node:http");
const { readFile } = require("node:fs/promises");
const path = require("node:path");

const packages = path.dirname(path.dirname(require.resolve("@tensorflow/tfjs/package.json")));
const kinds = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const server = createServer(async ({ url }, answer) => {
  const name = path.normalize(url === "/" ? "/index.html" : url);
  const file = name.startsWith("/tfjs") ? path.join(packages, name) : path.join("target/web", name);
  try {
    answer.writeHead(200, { "content-type": kinds[path.extname(file)] ?? "text/plain" }).end(await readFile(file));
  } catch {
    answer.writeHead(404).end();
  }
});

/** In the page: TensorFlow's networks, and steps of both. */
async function setup() {
  for (const file of ["tfjs/dist/tf.min.js", "tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js", "tfjs-backend-wasm/dist/tf-backend-wasm.min.js"]) {
    await new Promise((done, failed) => document.head.append(Object.assign(document.createElement("script"), { src: `/${file}`, onload: done, onerror: failed })));
  }
  tf.wasm.setWasmPaths("/tfjs-backend-wasm/dist/");
  const digits = () =>
    tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 32, kernelSize: 3, activation: "relu" }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.conv2d({ filters: 64, kernelSize: 3, activation: "relu" }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 10, activation: "softmax" }),
      ],
    });
  // Shortcuts are 1x1 convolutions where wgrad's pad; they are 1 % of the work.
  const shapes = () => {
    const convolution = (x, filters, kernelSize, strides) => tf.layers.conv2d({ filters, kernelSize, strides, padding: "same", useBias: false }).apply(x);
    const norm = (x) => tf.layers.batchNormalization().apply(x);
    const relu = (x) => tf.layers.reLU().apply(x);
    const input = tf.input({ shape: [32, 32, 3] });
    let x = relu(norm(convolution(input, 16, 3, 1)));
    [16, 32, 64].forEach((width, stage) => {
      for (let block = 0; block < 3; block++) {
        const stride = stage && !block ? 2 : 1;
        const y = norm(convolution(relu(norm(convolution(x, width, 3, stride))), width, 3, 1));
        x = relu(tf.layers.add().apply([y, stride === 2 ? convolution(x, width, 1, 2) : x]));
      }
    });
    return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 10, activation: "softmax" }).apply(tf.layers.globalAveragePooling2d({}).apply(x)) });
  };
  window.theirs = async (task, backend, steps) => {
    await tf.setBackend(backend);
    const model = { digits, shapes }[task]();
    model.compile({ optimizer: tf.train.adam(0.001), loss: "categoricalCrossentropy" });
    const x = tf.randomNormal([32, ...(task === "digits" ? [28, 28, 1] : [32, 32, 3])]);
    const y = tf.oneHot(tf.range(0, 32, 1, "int32").mod(10), 10);
    await model.trainOnBatch(x, y);
    const start = performance.now();
    for (let i = 0; i < steps; i++) await model.trainOnBatch(x, y);
    return (performance.now() - start) / steps;
  };
  window.ours = async (task, device, steps) => {
    await window.wgrad.ask("open", device, { task, seed: 1, batch: 32 });
    await window.wgrad.ask("train", 2, 0.001);
    const start = performance.now();
    await window.wgrad.ask("train", steps, 0.001);
    return (performance.now() - start) / steps;
  };
}

(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--enable-unsafe-webgpu"], protocolTimeout: 600_000 });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => window.wgrad && !document.getElementById("start").disabled);
  await page.evaluate(setup);
  const median = (times) => times.sort((a, b) => a - b)[1].toFixed(0);
  for (const [task, device, backend, steps] of [["digits", "cpu", "wasm", 10], ["digits", "gpu", "webgpu", 5], ["shapes", "cpu", "wasm", 2], ["shapes", "gpu", "webgpu", 1]]) {
    const [ours, theirs] = [[], []];
    for (let round = 0; round < 3; round++) {
      ours.push(await page.evaluate((...a) => window.ours(...a), task, device, steps));
      theirs.push(await page.evaluate((...a) => window.theirs(...a).catch((error) => error.message), task, backend, steps));
    }
    const failed = theirs.find((time) => typeof time === "string");
    console.log(`${task}, ${device}: wgrad ${median(ours)} ms, TensorFlow.js ${backend} ${failed ?? `${median(theirs)} ms`}`);
  }
  await browser.close();
  process.exit();
})();
