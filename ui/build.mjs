// SPDX-License-Identifier: Apache-2.0
// Bundles the dashboard and writes it as C: script, style sheet and the licences of what is in them,
// compressed, under names that hold a digest of their bytes.
//
//   node build.mjs OUT.c DEPFILE
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const [out, depfile] = process.argv.slice(2);

const result = await build({
  absWorkingDir: root,
  entryPoints: { script: "src/main.tsx" },
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  outdir: "out",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: ["chrome105", "firefox104", "safari15.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  metafile: true,
  write: false,
});

// The packages that something of is in the bundle.
function packages() {
  const found = new Map();
  for (const input of Object.keys(result.metafile.inputs)) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (!match) continue;
    const file = realpathSync(join(root, input));
    found.set(match[1], file.slice(0, file.lastIndexOf(`node_modules/${match[1]}/`)));
  }
  return [...found].sort();
}

function licences() {
  let text = "What the dashboard is made of beside Autarky's own code, and its licences.\n";
  for (const [name, at] of packages()) {
    const dir = join(at, "node_modules", name);
    const about = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    text += `\n---- ${name} ${about.version}, ${about.license}\n\n`;
    text += readFileSync(join(dir, "LICENSE"), "utf8").trim();
    text += "\n";
  }
  return Buffer.from(text);
}

const types = { js: "text/javascript", css: "text/css", txt: "text/plain" };

// Style sheets of parts go with the one of all: nothing is drawn twice, and one request is enough.
const sheet = Buffer.concat(
  result.outputFiles.filter(f => f.path.endsWith(".css")).map(f => Buffer.from(f.contents)),
);
const digest = bytes => createHash("sha256").update(bytes).digest("hex").slice(0, 12);
const notice = licences();
const files = [
  ...result.outputFiles
    .filter(f => f.path.endsWith(".js"))
    .map(f => ({ name: basename(f.path), bytes: Buffer.from(f.contents) })),
  { name: `sheet-${digest(sheet)}.css`, bytes: sheet },
  { name: `licences-${digest(notice)}.txt`, bytes: notice },
].sort((a, b) => (a.name < b.name ? -1 : 1));

function array(bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 32) lines.push([...bytes.subarray(i, i + 32)].join(","));
  return lines.join(",\n");
}

let c = '/* Made by ui/build.mjs. */\n#include "ui/assets.h"\n\n';
files.forEach((f, i) => {
  c += `static const unsigned char gzip_${i}[] = {\n${array(gzipSync(f.bytes, { level: 9 }))}};\n\n`;
});
c += "const struct ui_asset ui_assets[] = {\n";
files.forEach((f, i) => {
  const type = types[f.name.split(".").pop()];
  c += `    {"/ui/${f.name}", "${type}; charset=utf-8", gzip_${i}, sizeof(gzip_${i})},\n`;
});
c += `};\nconst size_t ui_assets_n = ${files.length};\n`;
for (const id of ["script", "sheet", "licences"]) {
  const file = files.find(f => f.name.startsWith(`${id}-`));
  c += `const char ui_path_${id}[] = "/ui/${file.name}";\n`;
}
writeFileSync(out, c);

const inputs = Object.keys(result.metafile.inputs).map(i => realpathSync(join(root, i)));
inputs.push(join(root, "build.mjs"), join(root, "package-lock.json"));
const quoted = inputs.map(i => relative(process.cwd(), i).replaceAll(" ", "\\ "));
writeFileSync(depfile, `${out}: ${quoted.join(" ")}\n`);
