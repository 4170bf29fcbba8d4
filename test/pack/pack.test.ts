import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { runCommand, runOrThrow } from '../support/run-command';
import { app, expressMajors, jest, node, nodeMajors, packed } from './workbench';

const root = join(__dirname, '..', '..');
/** None of these scripts needs a tenth of it on a quiet machine; one that hangs left something open. */
const timeoutMs = 60_000;
const echo = /^echo from v\d+\.\d+\.\d+ with (require|import)\n$/;

describe('the packed package', function () {
  this.timeout(300_000);

  it('holds the build, the pages and the licence, and nothing else', async () => {
    const { files } = await packed();
    const paths = files.map(({ path }) => path);
    const meant = /^(dist\/.+\.(js|mjs|d\.ts|d\.mts)|lib\/.+\.md|(README|CHANGELOG)\.md|LICENSE|package\.json)$/;
    expect(paths.filter((path) => !meant.test(path))).to.deep.equal([]);
    const needed = ['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.mts'];
    expect(needed.filter((path) => !paths.includes(path))).to.deep.equal([]);
  });

  it('runs nothing at install, and brings ws and its types alone', () => {
    const { scripts, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(Object.keys(scripts).filter((name) => /install|prepare|prepack/.test(name))).to.deep.equal([]);
    expect(Object.keys(dependencies).sort()).to.deep.equal(['@types/ws', 'ws']);
  });

  it('ships a client of 5 kB gzipped at most', async () => {
    await packed();
    const sizes = ['index.js', 'index.mjs'].map((name) => gzipSync(readFileSync(join(root, 'dist', 'client', name))));
    expect(Math.max(...sizes.map(({ length }) => length))).to.be.at.most(5000);
  });

  for (const express of expressMajors) {
    it(`installs beside Express ${express} without any driver`, async () => {
      const listed = await runOrThrow('npm', ['ls', '--all', '--parseable'], { cwd: await app(express) });
      expect(listed).not.to.match(/node_modules\/(ioredis|amqplib|kafkajs|rocketmq-client-nodejs)/);
    });

    it(`gives require and import one instance, with Express ${express}`, async () => {
      const output = await runOrThrow(process.execPath, ['one-instance.cjs'], { cwd: await app(express), timeoutMs });
      expect(output).to.match(/^express-realtime \d+$/m);
    });

    for (const major of nodeMajors) {
      it(`shakes hands and echoes on Node ${major} with Express ${express}`, async () => {
        const [binary, cwd] = await Promise.all([node(major), app(express)]);
        const runs = ['echo.cjs', 'echo.mjs'].map((file) => runCommand(binary, [file], { cwd, timeoutMs }));
        for (const { code, output } of await Promise.all(runs)) {
          expect(output).to.match(echo).and.include(`v${major}.`);
          expect(code).to.equal(0);
        }
      });
    }
  }

  it('refuses deep imports', async () => {
    await runOrThrow(process.execPath, ['deep-import.mjs'], { cwd: await app(5), timeoutMs });
  });

  it('loads in Jest on Node 20', async () => {
    const [binary, runner, cwd] = await Promise.all([node(20), jest(), app(5)]);
    const args = [runner, '--rootDir', cwd, '--testMatch', '**/loads.test.cjs', '--no-cache', '--ci'];
    const { code, output } = await runCommand(binary, args, { cwd, timeoutMs });
    expect(output)
      .to.match(/2 passed, 2 total/)
      .and.not.match(/did not exit|open handle/i);
    expect(code).to.equal(0);
  });

  it('loads in mocha', async () => {
    const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const output = await runOrThrow(process.execPath, [mocha, 'loads.test.cjs'], { cwd: await app(5), timeoutMs });
    expect(output).to.match(/2 passing/);
  });

  it('loads in tsx', async () => {
    const loader = pathToFileURL(join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')).href;
    const output = await runOrThrow(process.execPath, ['--import', loader, 'echo.ts'], {
      cwd: await app(5),
      timeoutMs,
    });
    expect(output).to.match(echo);
  });
});
