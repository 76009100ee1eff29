// The networks in TensorFlow.js: the layers of its own library where it has them, its operations for the transformer.
/* global tf */
let training;

export async function prepare(backend, net, { shape, x, y }) {
  training?.dispose();
  tf.wasm.setWasmPaths("tfjs/");
  await tf.setBackend(backend);
  await tf.ready();
  training = net === "gpt-mini" ? gpt(shape, x, y) : layers(net, shape, x, y);
  return training.parameters;
}

export async function step(lr) {
  training.optimizer.learningRate = lr;
  const loss = training.step();
  const value = (await loss.data())[0];
  loss.dispose();
  return value;
}

function layers(net, shape, x, y) {
  const [model, optimizer] = { mlp: [mlp, tf.train.adam], digits: [digits, tf.train.adam], resnet20: [resnet, (lr) => tf.train.momentum(lr, 0.9)] }[net];
  const built = model();
  // Images are channels last, which is what its kernels are written for.
  const images = tf.tidy(() => (shape.length === 4 ? tf.tensor(x, shape).transpose([0, 2, 3, 1]) : tf.tensor(x, shape)));
  const classes = tf.tidy(() => tf.oneHot(tf.tensor1d(y, "int32"), 10).toFloat());
  const weights = built.trainableWeights.map((weight) => weight.read());
  const parameters = weights.reduce((sum, weight) => sum + weight.size, 0);
  const trained = optimizer(0.001);
  const loss = () => tf.losses.softmaxCrossEntropy(classes, built.apply(images, { training: true }));
  return {
    parameters,
    optimizer: trained,
    step: () => trained.minimize(loss, true),
    dispose: () => (built.dispose(), trained.dispose(), images.dispose(), classes.dispose()),
  };
}

function mlp() {
  const dense = (units, options) => tf.layers.dense({ units, ...options });
  return tf.sequential({ layers: [dense(256, { activation: "relu", inputShape: [784] }), dense(128, { activation: "relu" }), dense(10)] });
}

function digits() {
  const conv = (filters, options) => tf.layers.conv2d({ filters, kernelSize: 3, activation: "relu", ...options });
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
  return tf.sequential({ layers: [conv(32, { inputShape: [28, 28, 1] }), pool(), conv(64), pool(), tf.layers.flatten(), tf.layers.dense({ units: 10 })] });
}

/** He et al.'s network for CIFAR, with padded shortcuts. */
function resnet() {
  const conv = (x, filters, strides) =>
    tf.layers.batchNormalization().apply(tf.layers.conv2d({ filters, kernelSize: 3, strides, padding: "same", useBias: false }).apply(x));
  const relu = (x) => tf.layers.reLU().apply(x);
  const input = tf.input({ shape: [32, 32, 3] });
  let x = relu(conv(input, 16, 1));
  for (const [width, first] of [[16, 1], [32, 2], [64, 2]]) {
    for (let i = 0; i < 3; i++) {
      const strides = i === 0 ? first : 1;
      const shortcut = strides === 1 ? x : new Padded().apply(x);
      x = relu(tf.layers.add().apply([conv(relu(conv(x, width, strides)), width, 1), shortcut]));
    }
  }
  const pooled = tf.layers.globalAveragePooling2d({ dataFormat: "channelsLast" }).apply(x);
  return tf.model({ inputs: input, outputs: tf.layers.dense({ units: 10 }).apply(pooled) });
}

/** Every second pixel, and as many channels of zeros as there are channels. */
class Padded extends tf.layers.Layer {
  static className = "Padded";
  computeOutputShape([n, h, w, c]) {
    return [n, h / 2, w / 2, 2 * c];
  }
  call(inputs) {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    const c = x.shape[3];
    // A mean of one pixel: strided slices have no gradient.
    return tf.avgPool(x, 1, 2, "valid").pad([[0, 0], [0, 0], [0, 0], [c / 2, c / 2]]);
  }
}

/** GPT-2's architecture: 4 blocks of width 128 with 4 heads, 128 characters of 65. */
function gpt([batch, length], x, y) {
  const [width, heads, depth, vocab] = [128, 4, 4, 65];
  const weights = [];
  const variable = (shape, init) => {
    const start = init === undefined ? tf.randomNormal(shape, 0, 0.02) : tf.fill(shape, init);
    weights.push(tf.variable(start));
    start.dispose();
    return weights.at(-1);
  };
  const linear = (from, to) => ({ w: variable([from, to]), b: variable([to], 0) });
  const norm = () => ({ scale: variable([width], 1), shift: variable([width], 0) });
  const [table, positions] = [variable([vocab, width]), variable([length, width])];
  const block = () => ({ n1: norm(), qkv: linear(width, 3 * width), out: linear(width, width), n2: norm(), up: linear(width, 4 * width), down: linear(4 * width, width) });
  const blocks = Array.from({ length: depth }, block);
  const [last, head] = [norm(), variable([width, vocab])];

  const apply = (x, { w, b }) => x.matMul(w).add(b);
  const normalised = (x, { scale, shift }) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(scale).add(shift);
  };
  const gelu = (x) => x.mul(0.5).mul(x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI)).tanh().add(1));
  // A product instead of a gather, whose gradient the wasm backend lacks.
  const tokens = tf.tidy(() => tf.oneHot(tf.tensor1d(Int32Array.from(x), "int32"), vocab).toFloat());
  const classes = tf.tidy(() => tf.oneHot(tf.tensor1d(y, "int32"), vocab).toFloat());
  const mask = tf.tidy(() => tf.linalg.bandPart(tf.ones([length, length]), -1, 0).sub(1).mul(1e9));
  const attention = (x, { qkv, out }) => {
    const split = apply(x, qkv).reshape([batch, length, 3, heads, width / heads]).transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(split);
    const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(width / heads)).add(mask);
    return apply(tf.matMul(scores.softmax(), v).transpose([0, 2, 1, 3]).reshape([-1, width]), out);
  };
  const loss = () => {
    let x = tokens.matMul(table).reshape([batch, length, width]).add(positions).reshape([-1, width]);
    for (const block of blocks) {
      x = x.add(attention(normalised(x, block.n1), block));
      x = x.add(apply(gelu(apply(normalised(x, block.n2), block.up)), block.down));
    }
    return tf.losses.softmaxCrossEntropy(classes, normalised(x, last).matMul(head));
  };
  const optimizer = tf.train.adam(0.001);
  return {
    parameters: weights.reduce((sum, weight) => sum + weight.size, 0),
    optimizer,
    step: () => optimizer.minimize(loss, true, weights),
    dispose: () => (weights.forEach((weight) => weight.dispose()), optimizer.dispose(), tf.dispose([tokens, classes, mask])),
  };
}
