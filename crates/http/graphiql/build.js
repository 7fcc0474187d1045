// Bundles the page into ../assets/graphiql: `npm ci --ignore-scripts && npm run build`.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

const OUT = '../assets/graphiql';

const { metafile } = await build({
  entryPoints: { graphiql: 'src/main.jsx' },
  outdir: OUT,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  loader: { '.woff2': 'dataurl', '.woff': 'dataurl', '.ttf': 'dataurl' },
  metafile: true,
});

// The licence of every package that went in, as its authors wrote it.
const packages = new Map();
for (const input of Object.keys(metafile.inputs)) {
  const folder = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1];
  if (folder) {
    packages.set(folder, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  }
}
const licences = [...packages].map(([folder, { name, version, license }]) => {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '(the package holds no licence text)';
  return `${name} ${version}: ${license}\n\n${text}\n`;
});
writeFileSync(
  join(OUT, 'LICENSES.txt'),
  `The packages in graphiql.js and graphiql.css, and their licences.\n\n${licences.sort().join(`\n${'-'.repeat(80)}\n\n`)}`,
);
console.log([...packages.values()].map(({ name, version, license }) => `${name} ${version} (${license})`).sort().join('\n'));
