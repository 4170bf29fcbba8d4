import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './support/run-command';
import type { Counts } from './support/counting-reporter';

/**
 * What `npm test` runs after the build: every check and test that this machine can run, in two lanes side by side.
 * `npm test -- unit redis` runs some stages by name. With `CI=true` a skipped test is a failure.
 */
interface Stage {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Test files, when it is a mocha run; a command without counts as one test. */
  readonly isMocha?: boolean;
  readonly hasCoverage?: boolean;
}

interface Outcome extends Counts {
  readonly name: string;
}

const root = join(__dirname, '..');
const scratch = join(root, '.cache', 'run');
const coverage = join(scratch, 'coverage');
const isCi = process.env.CI === 'true';
const stageLimitMs = 10 * 60_000;
const minPercent = { lines: 97, branches: 85 };

/** Folders of test/ whose suites need servers, a browser or an installed package; all others are unit tests. */
const apart = ['contracts', 'brokers', 'cluster-e2e', 'example-app', 'e2e', 'pack'];
const brokers = ['redis', 'rabbitmq', 'kafka', 'rocketmq'];

async function main(): Promise<void> {
  const startedAt = Date.now();
  const wanted = process.argv.slice(2);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(coverage, { recursive: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

  const all = lanes();
  const unknown = wanted.filter((name) => !all.flat().some((stage) => stage.name === name));
  if (unknown.length > 0) throw new Error(`no stage ${unknown.join(', ')}; there are ${names(all.flat())}`);
  const isWanted = ({ name }: Stage) => wanted.length === 0 || wanted.includes(name);
  const outcomes = (await Promise.all(all.map((lane) => runLane(lane.filter(isWanted))))).flat();

  const isWhole = wanted.length === 0 && outcomes.every(({ failed, skipped }) => failed + skipped.length === 0);
  if (isWhole) outcomes.push(await runStage(coverageStage()));
  report(outcomes, Date.now() - startedAt);
}

/** One lane is compilers, Node and the browser, the other waits for brokers; never two JVM brokers at a time. */
function lanes(): Stage[][] {
  const files = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  );
  files.sort();
  const inFolder = (...folders: string[]) =>
    files.filter((file) => folders.some((name) => file.startsWith(`${name}/`)));
  const ofBrokers = inFolder('contracts', 'brokers');
  const brokerOf = (file: string) => brokers.find((name) => file.includes(name)) ?? 'local';

  const here: Stage[] = [
    { name: 'format', command: 'npm', args: ['run', '--silent', 'format:check'] },
    { name: 'lint', command: 'npm', args: ['run', '--silent', 'lint'] },
    { name: 'types', command: 'npm', args: ['run', '--silent', 'types'] },
    {
      ...mocha(
        'unit',
        files.filter((file) => !inFolder(...apart).includes(file)),
      ),
      hasCoverage: true,
    },
    { ...mocha('browser', inFolder('e2e')), hasCoverage: true },
    mocha('pack', inFolder('pack')),
  ];
  const withServers: Stage[] = [
    ...['local', ...brokers].map((name) =>
      mocha(
        name,
        ofBrokers.filter((file) => brokerOf(file) === name),
      ),
    ),
    mocha('cluster', inFolder('cluster-e2e')),
    mocha('example', inFolder('example-app')),
  ].map((stage) => ({ ...stage, hasCoverage: true }));
  return [here, withServers].map((lane) =>
    lane.filter(({ isMocha, args }) => !isMocha || args.length > mochaArgs.length),
  );
}

const mochaArgs = [
  ...[join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'), '--no-color'],
  ...['--reporter', join(__dirname, 'support', 'counting-reporter.ts')],
];

function mocha(name: string, files: readonly string[]): Stage {
  const paths = files.map((file) => join('test', file));
  return { name, command: process.execPath, args: [...mochaArgs, ...paths], isMocha: true };
}

function coverageStage(): Stage {
  const { lines, branches } = minPercent;
  const limits = ['--check-coverage', '--lines', `${lines}`, '--branches', `${branches}`, '--functions', '0'];
  const shown = ['--reporter', 'text-summary', '--reporter', 'html', '--include', 'lib/**'];
  const args = ['report', '--temp-directory', coverage, ...shown, ...limits];
  return { name: 'coverage', command: join(root, 'node_modules', '.bin', 'c8'), args };
}

async function runLane(stages: readonly Stage[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stage of stages) outcomes.push(await runStage(stage));
  return outcomes;
}

async function runStage({ name, command, args, isMocha, hasCoverage }: Stage): Promise<Outcome> {
  const startedAt = Date.now();
  const countsFile = join(scratch, `${name}.json`);
  const { code, output } = await runCommand(command, args, {
    cwd: root,
    timeoutMs: stageLimitMs,
    env: {
      NO_COLOR: '1',
      REALTIME_BUILT: '1',
      ...(isMocha ? { REALTIME_COUNTS: countsFile } : {}),
      ...(hasCoverage ? { NODE_V8_COVERAGE: coverage } : {}),
    },
  });
  const outcome = { name, ...(isMocha ? countsOf(countsFile, code) : commandCounts(code)) };
  const time = `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  console.log(`${outcome.failed > 0 ? 'FAILED' : 'ok    '} ${name.padEnd(9)} ${summary([outcome])}, ${time}`);
  if (outcome.failed > 0 || name === 'coverage') console.log(essence(output).replaceAll(/^/gm, `  ${name} | `));
  return outcome;
}

/** Of a mocha run only what follows the list of titles: the failures, and what was left open. */
function essence(output: string): string {
  const text = output.replaceAll('\r', '').trim();
  return text.slice(Math.max(text.search(/^ *\d+ passing/m), 0));
}

function countsOf(file: string, code: number | null): Counts {
  const counts = readCounts(file);
  // A run that failed without a failed test: it crashed, hung, or left something open.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function readCounts(file: string): Counts {
  try {
    // Written by our own reporter.
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}

function commandCounts(code: number | null): Counts {
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [] };
}

/** The last line is what machines read; in CI nothing may be skipped. */
function report(outcomes: readonly Outcome[], tookMs: number): void {
  const skipped = outcomes.flatMap((outcome) => outcome.skipped.map((title) => `  ${outcome.name}: ${title}`));
  if (skipped.length > 0) console.log(`Skipped${isCi ? ', which CI does not allow' : ''}:\n${skipped.join('\n')}`);
  console.log(`Took ${(tookMs / 60_000).toFixed(1)} minutes.`);
  console.log(summary(outcomes));
  const hasFailed = outcomes.some(({ failed }) => failed > 0) || (isCi && skipped.length > 0);
  process.exitCode = hasFailed ? 1 : 0;
}

function summary(outcomes: readonly Outcome[]): string {
  const sum = (count: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + count(outcome), 0);
  const skipped = sum((outcome) => outcome.skipped.length);
  const text = `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`;
  return skipped > 0 ? `${text}, ${skipped} skipped` : text;
}

function names(stages: readonly Stage[]): string {
  return stages.map(({ name }) => name).join(', ');
}

void main();
