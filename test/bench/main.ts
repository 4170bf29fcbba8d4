import { cpus, loadavg } from 'node:os';
import type { Result, Row } from './report';
import type { Running, Scenario } from './scenario';
import { stopBroker } from './brokers';
import { faultTable } from './faults';
import { judge, markdown } from './report';
import { DEFAULT_PAIRS } from './scenario';
import { stopFleet } from './one-process';
import { saveFaults, saveScenario } from './save';
import { scenariosOf } from './scenarios';
import { estimate, ratios } from './stats';

/**
 * `npm run bench`: all scenarios; `npm run bench -- users cluster`: some; with `--pairs=5 --peers=ours,ws` for a quick
 * look. `npm run bench -- faults --rounds=5 --brokers=redis,kafka`: what each broker does in an outage.
 * What ran without such options is written to `results`.
 */
async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => !arg.startsWith('--'));
  const isWhole = args.length === names.length;
  // Before the load is ours.
  const here = machine();
  console.log(here);
  if (names[0] === 'faults') {
    const rounds = option(args, 'rounds');
    const table = await faultTable(
      option(args, 'brokers')?.split(','),
      rounds === undefined ? undefined : Number(rounds),
    );
    if (isWhole) saveFaults(here, table);
    return;
  }
  const pairs = option(args, 'pairs');
  const only = option(args, 'peers')?.split(',');
  for (const [name, scenario] of scenariosOf(names)) {
    const missing = scenario.missing?.();
    if (missing !== undefined) {
      console.log(`\n### ${name}: left out, ${missing}`);
      continue;
    }
    const peers = scenario.peers.filter((peer) => only === undefined || only.includes(peer));
    const startedAt = Date.now();
    await stopFleet(scenario.fleet);
    const measured = await measure(name, { ...scenario, peers }, pairs === undefined ? undefined : Number(pairs));
    const table = markdown(name, { ...scenario, peers }, measured);
    console.log(`\n${table}`);
    if (isWhole) saveScenario(name, table, { machine: here, results: measured });
    console.error(`${name} took ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
  }
}

function option(args: readonly string[], name: string): string | undefined {
  const start = `--${name}=`;
  return args.find((arg) => arg.startsWith(start))?.slice(start.length);
}

/** Figures of a machine that does something else besides are worth nothing. */
function machine(): string {
  const [load = 0] = loadavg();
  const busy = load > 0.5 ? `; load ${load.toFixed(1)} at the start: NOT a quiet machine` : '';
  return `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}${busy}`;
}

/** Peers in turn within each pass, so that each pass of one has its pass of the other beside it. */
async function measure(name: string, scenario: Scenario, wanted: number | undefined): Promise<Result[]> {
  const samples = new Map<string, Readonly<Record<string, number>>[]>(scenario.peers.map((peer) => [peer, []]));
  const running = new Map<string, Running>();
  const { isFresh = false, warmUps = isFresh ? 0 : 1, against } = scenario;
  const pairs = wanted ?? scenario.pairs ?? DEFAULT_PAIRS;
  const passesOf = (peer: string) => (peer === 'ours' || peer === against ? pairs : (wanted ?? DEFAULT_PAIRS));
  try {
    for (let pass = -warmUps; pass < pairs; pass += 1) {
      for (const peer of scenario.peers.filter((each) => pass < passesOf(each))) {
        const values = await runPass(scenario, peer, running);
        if (pass >= 0) samples.get(peer)?.push(values);
      }
    }
  } finally {
    for (const each of running.values()) await each.stop();
  }
  return Object.keys(scenario.metrics).map((metric) => resultOf(name, scenario, metric, samples));
}

async function runPass(
  scenario: Scenario,
  peer: string,
  running: Map<string, Running>,
): Promise<Readonly<Record<string, number>>> {
  const peerRuns = running.get(peer) ?? (await scenario.open(peer));
  running.set(peer, peerRuns);
  const values = await peerRuns.pass();
  if (scenario.isFresh === true) {
    running.delete(peer);
    await peerRuns.stop();
  }
  return values;
}

function resultOf(
  name: string,
  { title, metrics, against }: Scenario,
  metric: string,
  samples: ReadonlyMap<string, readonly Readonly<Record<string, number>>[]>,
): Result {
  const { unit, ...wanted } = metrics[metric] ?? { unit: '' };
  const valuesOf = (peer: string) => samples.get(peer)?.map((values) => values[metric] ?? NaN);
  const base = against === undefined ? undefined : valuesOf(against);
  const rows = [...samples.keys()].map((peer): Row => {
    const values = valuesOf(peer) ?? [];
    return { peer, absolute: estimate(values), ...(base ? { ratio: estimate(ratios(values, base)) } : {}) };
  });
  const { goal, limit, isMoreBetter = false } = wanted;
  const isMet = judge({ unit, ...wanted }, rows);
  return {
    ...{ scenario: name, title, metric, unit, isMoreBetter, rows },
    ...(against === undefined ? {} : { against }),
    ...(goal === undefined ? {} : { goal }),
    ...(limit === undefined ? {} : { limit }),
    ...(isMet === undefined ? {} : { isMet }),
  };
}

async function run(): Promise<void> {
  try {
    await main();
  } finally {
    await stopFleet();
    await stopBroker();
  }
}

run().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
