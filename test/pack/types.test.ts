import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCommand } from '../support/run-command';
import type { CommandResult } from '../support/run-command';
import { app, appWithDrivers, compiler, expressMajors, typeScripts } from './workbench';
import type { ExpressMajor, TypeScript } from './workbench';

/** How a user's tsconfig finds our declarations. */
const resolutions = {
  node10: { file: 'main.ts', module: 'commonjs', moduleResolution: 'node10' },
  'node16, CommonJS': { file: 'main.ts', module: 'node16' },
  'node16, ESM': { file: 'main.mts', module: 'node16' },
  bundler: { file: 'main.ts', module: 'esnext', moduleResolution: 'bundler' },
} as const;
type Resolution = keyof typeof resolutions;

interface Case {
  readonly typeScript: TypeScript;
  readonly express: ExpressMajor;
  readonly resolution: Resolution;
}

const cases = typeScripts.flatMap((typeScript) =>
  expressMajors.flatMap((express) =>
    (Object.keys(resolutions) as Resolution[])
      .filter((resolution) => resolution !== 'node10' || majorOf(typeScript) < 7)
      .map((resolution): Case => ({ typeScript, express, resolution })),
  ),
);

describe('types of the packed package', function () {
  this.timeout(300_000);
  const results = new Map<Case, Promise<CommandResult>>();

  before(() => {
    // Two compilers at a time.
    let next = Promise.resolve<unknown>(undefined);
    let other = next;
    cases.forEach((each, index) => {
      const result = (index % 2 ? other : next).then(() => compile(each));
      // Its own test reports it.
      const settled = result.catch(() => undefined);
      if (index % 2) other = settled;
      else next = settled;
      results.set(each, result);
    });
  });

  for (const each of cases) {
    it(`compile with TypeScript ${each.typeScript}, ${each.resolution}, @types/express ${each.express}`, async () => {
      const result = await results.get(each);
      expect(result?.output).to.equal('');
      expect(result?.code).to.equal(0);
    });
  }

  for (const typeScript of typeScripts) {
    it(`compile with TypeScript ${typeScript} and every broker beside its driver`, async () => {
      const { output } = await compileFile(await appWithDrivers(), 'brokers.ts', typeScript, { module: 'node16' });
      expect(output).to.equal('');
    });
  }
});

async function compile({ typeScript, express, resolution }: Case): Promise<CommandResult> {
  const folder = await app(express);
  const { file, ...options } = resolutions[resolution];
  if (file === 'main.mts') copyFileSync(join(folder, 'main.ts'), join(folder, file));
  return compileFile(folder, file, typeScript, options);
}

async function compileFile(
  folder: string,
  file: string,
  typeScript: TypeScript,
  options: { readonly module: string; readonly moduleResolution?: string },
): Promise<CommandResult> {
  const { module, moduleResolution = module } = options;
  const project = join(folder, `tsconfig.${typeScript}.${file}.${module}.${moduleResolution}.json`);
  const compilerOptions = {
    ...options,
    // Without DOM, whose check would take most of the time.
    ...{ target: 'es2022', lib: ['es2022'], types: ['node'], noEmit: true, esModuleInterop: true },
    ...{ strict: true, skipLibCheck: false },
  };
  writeFileSync(project, JSON.stringify({ files: [file], compilerOptions }));
  return runCommand(process.execPath, [await compiler(typeScript), '-p', project], { cwd: folder });
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
