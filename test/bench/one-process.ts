import type { Flavour } from './load-socket';
import type { PeerName, SecretForm } from './peers/peer';
import type { Metric, Scenario } from './scenario';
import { SECRET_FORM } from './peers/peer';
import { Rig } from './rig';

/** A scenario of peers that are one process each. */
export interface OneProcess<Name extends string> extends Omit<Scenario, 'metrics' | 'open'> {
  readonly peers: readonly PeerName[];
  readonly metrics: Readonly<Record<Name, Metric>>;
  readonly flavours?: Partial<Record<PeerName, Flavour>>;
  /** Scenarios that follow each other and name one fleet are measured on the same rigs. */
  readonly fleet?: string;
  /** How the peers get the secret of the tokens; default: `key`. */
  readonly secret?: SecretForm;
  prepare(rig: Rig): Promise<void>;
  pass(rig: Rig): Promise<Readonly<Record<Name, number>>>;
}

/** Makes a scenario whose peers run on a {@link Rig} each. */
export function onRigs<Name extends string>(plan: OneProcess<Name>): Scenario {
  return {
    against: 'ws',
    ...plan,
    open: async (peer) => {
      const rig = await (plan.fleet === undefined ? openRig(plan, peer) : rigOfFleet(plan.fleet, plan, peer));
      return { pass: () => plan.pass(rig), stop: async () => (plan.fleet === undefined ? rig.stop() : undefined) };
    },
  };
}

let fleet: { readonly name: string; readonly rigs: Map<string, Rig> } | undefined;

/** Ends the rigs that scenarios share. */
export async function stopFleet(): Promise<void> {
  const stopping = fleet;
  fleet = undefined;
  for (const rig of stopping?.rigs.values() ?? []) await rig.stop();
}

/** One fleet at a time. */
async function rigOfFleet(name: string, plan: OneProcess<string>, peer: string): Promise<Rig> {
  if (fleet?.name !== name) await stopFleet();
  fleet ??= { name, rigs: new Map() };
  const rig = fleet.rigs.get(peer) ?? (await openRig(plan, peer));
  fleet.rigs.set(peer, rig);
  return rig;
}

async function openRig({ flavours, secret = 'key', prepare }: OneProcess<string>, peer: string): Promise<Rig> {
  // One of `peers`.
  const name = peer as PeerName;
  const rig = new Rig(name, flavours?.[name], { [SECRET_FORM]: secret });
  try {
    await rig.start();
    await prepare(rig);
  } catch (error) {
    await rig.stop();
    throw error;
  }
  return rig;
}
