/** Bundle src/ into the files that Python puts into every page, the same bytes on every machine. */
import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? path.join(here, "../eval/report/page/assets");

const { metafile, outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: { page: "src/main.tsx" },
  outdir: target,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome123", "firefox120", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  define: { "process.env.NODE_ENV": '"production"' },
  charset: "ascii",
  legalComments: "none",
  metafile: true,
  write: false,
});

await mkdir(target, { recursive: true });
for (const file of outputFiles) {
  // Both stand inside an HTML element, which these would end or change.
  if (/<\/(script|style)|<!--/i.test(file.text)) throw new Error(`${file.path} has text that ends an HTML element`);
  await writeFile(file.path, file.text);
}
await writeFile(path.join(target, "LICENCES.txt"), await licences(Object.keys(metafile.inputs)));

/** The licences of the packages that the inputs come from. */
async function licences(inputs) {
  const names = inputs.map((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
  const parts = ["page.js contains code of these packages, under these licences."];
  for (const name of [...new Set(names.filter(Boolean))].sort()) {
    const folder = path.join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    if (!file) throw new Error(`${name} ${version} has no licence file`);
    const text = (await readFile(path.join(folder, file), "utf8")).replaceAll("\r\n", "\n").trim();
    parts.push(`${name} ${version} (${license})\n\n${text}`);
  }
  return `${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
