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
      if (plan.fleet === undefined) {
        const rig = await openRig(plan, peer);
        return { pass: () => plan.pass(rig), stop: () => rig.stop() };
      }
      const rig = await rigOfFleet(plan.fleet, plan, peer);
      return { pass: () => plan.pass(rig), stop: () => Promise.resolve() };
    },
  };
}

let fleet: { readonly name: string; readonly rigs: Map<string, Rig> } | undefined;

/** Ends the rigs that scenarios share, unless the next one shares them, too. */
export async function stopFleet(next?: string): Promise<void> {
  if (next !== undefined && next === fleet?.name) return;
  const stopping = fleet;
  fleet = undefined;
  for (const rig of stopping?.rigs.values() ?? []) await rig.stop();
}

/** One fleet at a time: before a scenario of another {@link stopFleet} is called. Its first scenario prepares it for all. */
async function rigOfFleet(name: string, plan: OneProcess<string>, peer: string): Promise<Rig> {
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
