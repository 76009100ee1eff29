// A file server and browsers, for tests and measurements.
const puppeteer = require("puppeteer-core");
const { createServer } = require("node:http");
const { readFile } = require("node:fs/promises");
const path = require("node:path");

const kinds = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/** Serves a folder; `edit(name, bytes)` may change what is served. Returns the address. */
exports.serve = async (folder, edit = (_, bytes) => bytes) => {
  const server = createServer(async ({ url }, answer) => {
    try {
      const file = path.join(folder, url === "/" ? "index.html" : path.normalize(url));
      const bytes = edit(path.basename(file), await readFile(file));
      answer.writeHead(200, { "content-type": kinds[path.extname(file)] ?? "text/plain" }).end(bytes);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${server.address().port}/`;
};

/** Chromium with its software adapter, SwiftShader. */
exports.chromium = () =>
  puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--enable-unsafe-webgpu"],
    protocolTimeout: 600_000,
  });

/** Firefox with lavapipe. */
exports.firefox = () =>
  puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    protocolTimeout: 900_000,
    env: { ...process.env, MOZ_DISABLE_CONTENT_SANDBOX: "1", XDG_RUNTIME_DIR: "/tmp", VK_ICD_FILENAMES: "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json" },
    extraPrefsFirefox: {
      "dom.webgpu.enabled": true,
      "dom.webgpu.workers.enabled": true,
      "dom.webgpu.allow-software-adapters": true,
      "gfx.webgpu.ignore-blocklist": true,
    },
  });
