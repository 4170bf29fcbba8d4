import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOrThrow } from '../support/run-command';

const root = join(__dirname, '..', '..');
const cache = join(root, '.cache', 'pack');

/** One file of the tarball. */
export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** The package as npm would publish it. */
export interface Packed {
  readonly tarball: string;
  readonly files: readonly PackedFile[];
}

/** The Express versions whose apps are built; each with its own `@types/express`. */
export const expressMajors = [4, 5] as const;
export type ExpressMajor = (typeof expressMajors)[number];

/** The Node versions that the package supports. */
export const nodeMajors = [20, 22, 24, 26] as const;
export type NodeMajor = (typeof nodeMajors)[number];

/** The TypeScript versions that the declarations compile with, oldest first. */
export const typeScripts = ['5.0.4', '5.9.3', '7.0.2'] as const;
export type TypeScript = (typeof typeScripts)[number];

const temporary: string[] = [];

after(() => {
  for (const folder of temporary.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Packs what stands in dist/; builds it first, unless the caller of the tests just did. */
export const packed = once(async (): Promise<Packed> => {
  if (!process.env.REALTIME_BUILT) await runOrThrow('npm', ['run', 'build'], { cwd: root });
  const folder = temporaryFolder('tarball');
  const output = await runOrThrow('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: root });
  const report: unknown = JSON.parse(output);
  const [first] = (Array.isArray(report) ? report : Object.values(report as object)) as PackReport[];
  if (!first) throw new Error(`npm pack reported nothing: ${output}`);
  return { tarball: join(folder, first.filename), files: first.files };
});

interface PackReport {
  readonly filename: string;
  readonly files: readonly PackedFile[];
}

/** An app in an empty folder: the tarball, one Express and Passport with their types, the fixtures, no driver. */
export const app = oncePer((express: ExpressMajor) => makeApp(`express${express}`, express, []));

/** As {@link app} with Express 5, and every driver beside it. */
export const appWithDrivers = once(() =>
  makeApp('drivers', 5, ['ioredis@6', 'amqplib@2', 'kafkajs@2', 'rocketmq-client-nodejs@1.0.8']),
);

async function makeApp(name: string, express: ExpressMajor, more: readonly string[]): Promise<string> {
  const { tarball } = await packed();
  const folder = temporaryFolder(name);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'an-app', private: true }));
  const types = [`@types/express@${express}`, '@types/node@20', '@types/passport@1'];
  await install(folder, [tarball, `express@${express}`, 'passport@0.7', ...types, ...more]);
  cpSync(join(__dirname, 'fixtures'), folder, { recursive: true });
  return folder;
}

/** The compiler of one TypeScript version, as arguments for node. */
export async function compiler(version: TypeScript): Promise<string> {
  return join(await tools(), 'node_modules', aliasOf(version), 'bin', 'tsc');
}

/** The command line of Jest, as an argument for node. */
export async function jest(): Promise<string> {
  return join(await tools(), 'node_modules', 'jest', 'bin', 'jest.js');
}

/** The path of a Node binary: this one when it is of that version, else one from npm, kept for the next run. */
export const node = oncePer(async (major: NodeMajor): Promise<string> => {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = await cached(`node-${major}`, [`${name}@${major}`]);
  return join(folder, 'node_modules', name, 'bin', 'node');
});

const tools = once(() =>
  cached('tools', ['jest@30', ...typeScripts.map((version) => `${aliasOf(version)}@npm:typescript@${version}`)]),
);

function aliasOf(version: TypeScript): string {
  return `typescript-${version}`;
}

/** Installs packages into a folder that later runs find again; the list is part of its name. */
async function cached(name: string, packages: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 8);
  const folder = join(cache, `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, 'partial-'));
  writeFileSync(join(partial, 'package.json'), '{}');
  try {
    await install(partial, packages);
    renameSync(partial, folder);
    return folder;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function install(folder: string, packages: readonly string[]): Promise<void> {
  const quiet = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await runOrThrow('npm', ['install', ...quiet, ...packages], { cwd: folder, timeoutMs: 300_000 });
}

function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `express-realtime-${name}-`));
  temporary.push(folder);
  return folder;
}

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return () => (made ??= make());
}

function oncePer<Key, Result>(make: (key: Key) => Promise<Result>): (key: Key) => Promise<Result> {
  const made = new Map<Key, Promise<Result>>();
  return (key) => {
    const before = made.get(key);
    if (before) return before;
    const now = make(key);
    made.set(key, now);
    return now;
  };
}
