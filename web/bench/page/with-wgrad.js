import init, * as wgrad from "./steps.js";

export async function prepare(backend, net, { x, shape, y }) {
  await init();
  return wgrad.prepare(backend, net, x, Uint32Array.from(shape), y);
}

export const step = (lr) => wgrad.step(lr);
