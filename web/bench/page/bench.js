// One training step of a network in three libraries, on the same batch; see web/bench.
import * as jax from "./with-jax.js";
import * as tfjs from "./with-tfjs.js";
import * as wgrad from "./with-wgrad.js";

const libraries = { wgrad, tfjs, jax };

/** Uniform floats in 0..1, the same at every call. */
function noise(count) {
  let state = 1;
  return Float32Array.from({ length: count }, () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) / (1 << 24));
}

const shapes = { mlp: [128, 784], digits: [32, 1, 28, 28], resnet20: [32, 3, 32, 32], "gpt-mini": [16, 128] };

function data(net) {
  const shape = shapes[net];
  const x = noise(shape.reduce((a, b) => a * b));
  const text = net === "gpt-mini";
  const y = Int32Array.from(noise(text ? x.length : shape[0]), (v) => v * (text ? 65 : 10));
  return { shape, x: text ? x.map((v) => Math.floor(v * 65)) : x, y };
}

window.bench = {
  /** Makes the network; returns the number of its parameters. */
  prepare: async (library, backend, net) => libraries[library].prepare(backend, net, data(net)),
  /** Takes steps; returns their losses and the milliseconds of each. */
  async steps(library, count, lr) {
    const [losses, times] = [[], []];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      losses.push(await libraries[library].step(lr));
      times.push(performance.now() - begin);
    }
    return { losses, times };
  },
};
