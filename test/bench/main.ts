import { cpus } from 'node:os';
import type { Estimate } from './stats';
import type { PeerName } from './peers/peer';
import type { Scenario } from './scenarios';
import { Rig, SCENARIOS } from './scenarios';
import { estimate, ratios } from './stats';

const DEFAULT_PAIRS = 15;

interface Row {
  readonly peer: PeerName;
  readonly absolute: Estimate;
  readonly ratio: Estimate | undefined;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const pairs = Number(args.find((arg) => arg.startsWith('--pairs='))?.slice('--pairs='.length) ?? DEFAULT_PAIRS);
  const only = args
    .find((arg) => arg.startsWith('--peers='))
    ?.slice('--peers='.length)
    .split(',');
  const names = args.filter((arg) => !arg.startsWith('--'));
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${pairs} pairs\n`,
  );
  for (const name of names.length === 0 ? Object.keys(SCENARIOS) : names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined) throw new Error(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(', ')}`);
    const peers = scenario.peers.filter((peer) => only === undefined || only.includes(peer));
    print(name, scenario, await measure({ ...scenario, peers }, pairs));
  }
}

/** Peers in turn within each pass, so that each pass of one has its pass of the other beside it. */
async function measure(scenario: Scenario, pairs: number): Promise<Row[]> {
  const samples = new Map<PeerName, number[]>(scenario.peers.map((peer) => [peer, []]));
  const rigs = new Map<PeerName, Rig>();
  try {
    for (let pass = -1; pass < pairs; pass += 1) {
      for (const peer of scenario.peers) {
        const value = await runPass(scenario, peer, rigs);
        // The first pass warms up.
        if (pass >= 0) samples.get(peer)?.push(value);
      }
      if (scenario.isFresh === true && pass === -1) pass = 0;
    }
  } finally {
    for (const rig of rigs.values()) await rig.stop();
  }
  const base = samples.get(scenario.against ?? 'ws');
  return [...samples].map(([peer, sample]) => ({
    peer,
    absolute: estimate(sample),
    ratio: base === undefined ? undefined : estimate(ratios(sample, base)),
  }));
}

async function runPass(scenario: Scenario, peer: PeerName, rigs: Map<PeerName, Rig>): Promise<number> {
  const rig = rigs.get(peer) ?? (await prepared(scenario, peer));
  if (scenario.isFresh !== true) {
    rigs.set(peer, rig);
    return scenario.pass(rig);
  }
  try {
    return await scenario.pass(rig);
  } finally {
    await rig.stop();
  }
}

async function prepared(scenario: Scenario, peer: PeerName): Promise<Rig> {
  const rig = new Rig(peer, scenario.flavours?.[peer]);
  await rig.start();
  await scenario.prepare(rig);
  return rig;
}

function print(name: string, scenario: Scenario, rows: readonly Row[]): void {
  console.log(`## ${name}: ${scenario.title} (${scenario.unit}), ratio to ${scenario.against ?? 'ws'}`);
  for (const { peer, absolute, ratio } of rows) {
    const shown =
      ratio === undefined ? '' : `  ${ratio.median.toFixed(3)} × [${ratio.low.toFixed(3)}, ${ratio.high.toFixed(3)}]`;
    console.log(`${peer.padEnd(12)} ${absolute.median.toFixed(2).padStart(8)}${shown}`);
  }
  const ours = rows.find(({ peer }) => peer === 'ours')?.ratio;
  if (ours !== undefined && scenario.goal !== undefined) {
    console.log(`goal ≤ ${scenario.goal}: ${ours.high <= scenario.goal ? 'met' : 'NOT met'}`);
  }
  console.log('');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
