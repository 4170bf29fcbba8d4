import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { transform } from 'esbuild';
import ts from 'typescript';
import { blocksOf, pages } from './support/pages';
import type { Block } from './support/pages';
import { runCommand } from './support/run-command';

const root = join(__dirname, '..');
/** Inside the package, so that `express-realtime` resolves to it. */
const folder = join(root, '.cache', 'pages');
const prelude = join(__dirname, 'support', 'pages-prelude.d.ts');
const text = new Set(['', 'text', 'txt', 'diff', 'mermaid', 'log']);

describe('pages', function () {
  this.timeout(60_000);
  before(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  });

  for (const block of pages().flatMap(blocksOf)) {
    if (text.has(block.language) || block.mark === 'skip') continue;
    const { page, line, language, mark = 'unmarked' } = block;
    it(`${page}:${line} holds up: ${language}${/^(sh|bash|json)$/.test(language) ? '' : `, ${mark}`}`, () =>
      check(block));
  }
});

async function check(block: Block): Promise<void> {
  const { page, line, language, mark, markText, code } = block;
  if (/^(sh|bash)$/.test(language)) return checkShell(code);
  if (language === 'json') return void JSON.parse(code);
  if (mark === undefined) {
    const said = markText === '' ? 'no mark' : `the unknown mark "${markText}"`;
    throw new Error(`${page}:${line}: the ${language} block has ${said}; test/support/pages.ts lists the marks`);
  }
  if (mark === 'browser') return checkBrowser(block);
  const file = writeBlock(block, mark === 'run' ? "\nprocess.emit('snippet:end' as never);\n" : '\nexport {};\n');
  checkTypes(file, mark === 'run' ? [] : [prelude], { lib: ['lib.es2023.d.ts'], types: ['node'] });
  if (mark === 'run') await run(file);
}

/** npm commands must be there; other programs are the reader's own. */
function checkShell(code: string): void {
  const { scripts, name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [, word = '', script = ''] of code.matchAll(/\bnpm (run (\S+)|test|start|\S+)/g)) {
    const wanted = script || word;
    if (script || /^(test|start)$/.test(wanted)) expect(scripts, `npm ${word}`).to.have.property(wanted);
    else expect(wanted, 'an npm command').to.match(/^(ci|i|install|init|pack)$/);
  }
  for (const [, wanted = ''] of code.matchAll(/\bnpm (?:i|install) (?:-\S+ )*(\S*realtime\S*)/g)) {
    expect(wanted).to.equal(name);
  }
}

async function checkBrowser(block: Block): Promise<void> {
  if (block.language === 'ts') {
    const file = writeBlock(block, '\nexport {};\n');
    return checkTypes(file, [], { lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], types: [] });
  }
  const scripts =
    block.language === 'html' ? [...block.code.matchAll(/<script[^>]*>(.*?)<\/script>/gs)] : [['', block.code]];
  for (const [, script = ''] of scripts) await transform(script, { loader: 'js', format: 'esm' });
}

/** As ESM, so that it may await at the top, unless it calls `require`. */
function writeBlock({ page, line, language, code }: Block, end: string): string {
  const isCommonJs = /\brequire\(/.test(code);
  const extension = language === 'ts' ? (isCommonJs ? 'cts' : 'mts') : isCommonJs ? 'cjs' : 'mjs';
  const file = join(folder, `${page.replaceAll(/[^\w]/g, '-')}-${line}.${extension}`);
  writeFileSync(
    file,
    code + (language === 'ts' ? end : end.replace(' as never', '').replace(isCommonJs ? 'export {};' : '', '')),
  );
  return file;
}

const sources = new Map<string, ts.SourceFile | undefined>();
let configured: ts.CompilerOptions | undefined;

/** A program per block, since one may extend `Register`, over sources that are parsed once. */
function checkTypes(file: string, more: readonly string[], own: ts.CompilerOptions): void {
  configured ??= ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  ).options;
  // Whoever copies a block may have a looser tsconfig than ours, and plain JavaScript has no annotations.
  const isJs = /\.[cm]js$/.test(file);
  const loose = { exactOptionalPropertyTypes: false, noUnusedLocals: false, noUnusedParameters: false };
  const options = { ...configured, ...loose, ...own, ...(isJs ? { allowJs: true, checkJs: true, strict: false } : {}) };
  const host = ts.createCompilerHost(options);
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    if (name.startsWith(folder)) return parse(name, ...rest);
    if (!sources.has(name)) sources.set(name, parse(name, ...rest));
    return sources.get(name);
  };
  const program = ts.createProgram([file, ...more], options, host);
  const problems = ts.getPreEmitDiagnostics(program);
  expect(ts.formatDiagnostics(problems, host)).to.equal('');
}

async function run(file: string): Promise<void> {
  const load = ['tsx', pathToFileURL(join(__dirname, 'support', 'run-snippet.mjs')).href];
  const args = [...load.flatMap((each) => ['--import', each]), file];
  const { code, output } = await runCommand(process.execPath, args, { cwd: root, timeoutMs: 45_000 });
  expect(code, output).to.equal(0);
}
