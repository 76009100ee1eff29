// The networks in jax-js; a whole step is one compiled function. Its arrays are freed by their last use: `.ref` keeps one.
import { defaultDevice, init, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from "@jax-js/jax";

let training;
const ready = init();

export async function prepare(backend, net, { shape, x, y }) {
  training?.dispose();
  await ready;
  defaultDevice(backend);
  const { params, logits } = { mlp, digits, resnet20: resnet, "gpt-mini": gpt }[net]();
  const text = net === "gpt-mini";
  const input = np.array(text ? Int32Array.from(x) : x, { shape, dtype: text ? np.int32 : np.float32 });
  const classes = nn.oneHot(np.array(y, { shape: [y.length], dtype: np.int32 }), text ? 65 : 10);
  training = train(params, logits, input, classes, net === "resnet20" ? momentum : adam);
  return training.parameters;
}

export const step = (lr) => training.step(lr);

function train(params, logits, x, y, optimizer) {
  const loss = (params, x, y) => np.mean(np.sum(nn.logSoftmax(logits(params, x)).mul(y), -1)).mul(-1);
  const values = valueAndGrad(loss);
  const leaves = tree.leaves(tree.ref(params));
  const parameters = leaves.reduce((sum, leaf) => sum + leaf.shape.reduce((a, b) => a * b, 1), 0);
  const zeros = () => tree.map((leaf) => np.zeros(leaf.shape), params);
  let state = { params, m: zeros(), v: optimizer === adam ? zeros() : np.zeros([1]) };
  leaves.forEach((leaf) => leaf.dispose());
  const step = jit((state, x, y, scales) => {
    const [loss, gradients] = values(tree.ref(state.params), x, y);
    return { loss, ...optimizer(state, gradients, scales) };
  });
  let t = 0;
  return {
    parameters,
    async step(lr) {
      t++;
      // The rate, and the bias corrections of Adam's moments.
      const scales = np.array([lr, 1 - 0.9 ** t, 1 - 0.999 ** t]);
      const { loss, ...next } = step(state, x.ref, y.ref, scales);
      state = next;
      return (await loss.data())[0];
    },
    dispose: () => (tree.dispose(state), x.dispose(), y.dispose(), step.dispose()),
  };
}

const at = (scales, i) => scales.ref.slice([i, i + 1]);

function adam({ params, m, v }, gradients, scales) {
  const next = {
    m: tree.map((m, g) => m.mul(0.9).add(g.ref.mul(0.1)), m, tree.ref(gradients)),
    v: tree.map((v, g) => v.mul(0.999).add(np.square(g).mul(0.001)), v, gradients),
  };
  const update = (p, m, v) => p.sub(at(scales, 0).mul(m.div(at(scales, 1))).div(np.sqrt(v.div(at(scales, 2))).add(1e-8)));
  next.params = tree.map(update, params, tree.ref(next.m), tree.ref(next.v));
  scales.dispose();
  return next;
}

function momentum({ params, m, v }, gradients, scales) {
  const next = { m: tree.map((m, g) => m.mul(0.9).add(g), m, gradients), v };
  next.params = tree.map((p, m) => p.sub(at(scales, 0).mul(m)), params, tree.ref(next.m));
  scales.dispose();
  return next;
}

let key = 0;
const normal = (shape, deviation) => random.normal(random.key(++key), shape).mul(deviation);
const linear = (from, to, deviation = Math.sqrt(2 / from)) => ({ w: normal([from, to], deviation), b: np.zeros([to]) });
const apply = (x, { w, b }) => np.matmul(x, w).add(b);
const kernel = (from, to) => normal([to, from, 3, 3], Math.sqrt(2 / (9 * from)));
const conv = (x, w, stride, padding) => lax.conv(x, w, [stride, stride], padding);

function mlp() {
  const params = [linear(784, 256), linear(256, 128), linear(128, 10)];
  return { params, logits: ([a, b, c], x) => apply(nn.relu(apply(nn.relu(apply(x, a)), b)), c) };
}

function digits() {
  const channels = (b) => b.reshape([1, -1, 1, 1]);
  // Windows of 2 x 2.
  const pool = (x) => {
    const [n, c, h, w] = x.shape;
    const even = x.slice([], [], [0, h - (h % 2)], [0, w - (w % 2)]);
    return np.max(even.reshape([n, c, h >> 1, 2, w >> 1, 2]), [3, 5]);
  };
  const params = { w1: kernel(1, 32), b1: np.zeros([32]), w2: kernel(32, 64), b2: np.zeros([64]), fc: linear(1600, 10) };
  const logits = ({ w1, b1, w2, b2, fc }, x) => {
    const layer = (x, w, b) => pool(nn.relu(conv(x, w, 1, "VALID").add(channels(b))));
    return apply(layer(layer(x, w1, b1), w2, b2).reshape([-1, 1600]), fc);
  };
  return { params, logits };
}

function resnet() {
  const layer = (from, to) => ({ w: kernel(from, to), scale: np.ones([1, to, 1, 1]), shift: np.zeros([1, to, 1, 1]) });
  const blocks = [[16, 16], [16, 16], [16, 16], [16, 32], [32, 32], [32, 32], [32, 64], [64, 64], [64, 64]];
  const params = { stem: layer(3, 16), blocks: blocks.map(([from, to]) => ({ a: layer(from, to), b: layer(to, to) })), fc: linear(64, 10) };
  const normalised = (x, { w, scale, shift }, stride) => {
    const y = conv(x, w, stride, stride === 2 ? [[1, 1], [1, 1]] : "SAME");
    const mean = np.mean(y.ref, [0, 2, 3], { keepdims: true });
    const centred = y.sub(mean);
    const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
    return centred.div(np.sqrt(variance.add(1e-5))).mul(scale).add(shift);
  };
  const logits = ({ stem, blocks: of, fc }, x) => {
    x = nn.relu(normalised(x, stem, 1));
    of.forEach(({ a, b }, i) => {
      const [from, to] = blocks[i];
      const [n, , h, w] = x.shape;
      const padded = (x) => np.pad(x.reshape([n, from, h / 2, 2, w / 2, 2]).slice([], [], [], 0, [], 0), [[0, 0], [from / 2, from / 2], [0, 0], [0, 0]]);
      const shortcut = from === to ? x.ref : padded(x.ref);
      x = nn.relu(normalised(nn.relu(normalised(x, a, from === to ? 1 : 2)), b, 1).add(shortcut));
    });
    return apply(np.mean(x, [2, 3]), fc);
  };
  return { params, logits };
}

/** GPT-2's architecture: 4 blocks of width 128 with 4 heads, 128 characters of 65. */
function gpt() {
  const [width, heads, length, vocab] = [128, 4, 128, 65];
  const norm = () => ({ scale: np.ones([width]), shift: np.zeros([width]) });
  const of = (from, to) => linear(from, to, 0.02);
  const block = () => ({ n1: norm(), qkv: of(width, 3 * width), out: of(width, width), n2: norm(), up: of(width, 4 * width), down: of(4 * width, width) });
  const params = { table: normal([vocab, width], 0.02), positions: normal([length, width], 0.02), blocks: [0, 1, 2, 3].map(block), last: norm(), head: normal([width, vocab], 0.02) };
  const normalised = (x, { scale, shift }) => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred.div(np.sqrt(variance.add(1e-5))).mul(scale).add(shift);
  };
  const attention = (x, { qkv, out }) => {
    const split = apply(x, qkv).reshape([16, length, 3, heads, width / heads]);
    const part = (i) => split.ref.slice([], [], i);
    const [q, k, v] = [part(0), part(1), part(2)];
    split.dispose();
    const attended = nn.dotProductAttention(q, k, v, { isCausal: true });
    return apply(attended.reshape([-1, width]), out);
  };
  const logits = ({ table, positions, blocks, last, head }, x) => {
    x = np.matmul(nn.oneHot(x, vocab), table).add(positions).reshape([-1, width]);
    for (const { n1, qkv, out, n2, up, down } of blocks) {
      x = x.ref.add(attention(normalised(x, n1), { qkv, out }));
      x = x.ref.add(apply(nn.gelu(apply(normalised(x, n2), up)), down));
    }
    return np.matmul(normalised(x, last), head);
  };
  return { params, logits };
}
