// A file server for tests and measurements.
const { createServer } = require("node:http");
const { readFile } = require("node:fs/promises");
const path = require("node:path");

const kinds = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

/** Serves a folder; returns the address. */
exports.serve = async (folder) => {
  const server = createServer(async ({ url }, answer) => {
    try {
      const file = path.join(folder, url === "/" ? "index.html" : path.normalize(url));
      const bytes = await readFile(file);
      answer.writeHead(200, { "content-type": kinds[path.extname(file)] ?? "text/plain" }).end(bytes);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${server.address().port}/`;
};
