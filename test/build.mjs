// Builds dist/: CommonJS with the thin ESM wrappers that stand in lib/ as *.mts, and the client in both forms.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync('dist', { recursive: true, force: true });
compile('test/tsconfig.build.json');
if (existsSync('lib/client/index.ts')) await buildClient();

function compile(project) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** The client shares no state, so each form is a bundle of its own. */
async function buildClient() {
  const { build } = await import('esbuild');
  const common = { entryPoints: ['lib/client/index.ts'], bundle: true, target: 'es2020', minify: true };
  compile('test/tsconfig.client.json');
  await build({ ...common, format: 'cjs', outfile: 'dist/client/index.js' });
  await build({ ...common, format: 'esm', outfile: 'dist/client/index.mjs' });
  copyFileSync('lib/index.mts', 'dist/client/index.d.mts');
}
