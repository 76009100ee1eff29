// Runs the program of web/src: the page stays responsive, and the program may wait. One message is answered at a time.
import init, * as wgrad from "./wgrad_web.js";

// Browsers that cannot suspend a program run all of it but what must wait within the library, which is an error there.
WebAssembly.Suspending ??= function (call) {
  return call;
};
WebAssembly.promising ??= (call) => call;

const ready = init();
let last = Promise.resolve();

const calls = {
  open: (device, options, bytes) => wgrad.open(device, JSON.stringify(options), bytes ?? new Uint8Array()).then(JSON.parse),
  train: (count, lr) => wgrad.train(count, lr).then(JSON.parse),
  evaluate: () => wgrad.evaluate().then(JSON.parse),
  classify: (pixels) => wgrad.classify(pixels).then(JSON.parse),
  sample: (prompt, count, temperature) => wgrad.sample(prompt, count, temperature),
  weights: () => wgrad.weights(),
  setWeights: (bytes) => wgrad.set_weights(bytes),
  about: () => wgrad.about().then(JSON.parse),
};

self.onmessage = ({ data: { id, call, args } }) => {
  last = last.then(async () => {
    try {
      await ready;
      self.postMessage({ id, result: await calls[call](...args) });
    } catch (error) {
      self.postMessage({ id, error: error?.message ?? String(error) });
    }
  });
};
