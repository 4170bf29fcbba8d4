import type { Flavour } from './load-socket';
import type { PeerName } from './peers/peer';
import type { Metric, Scenario } from './scenario';
import { Rig } from './rig';

/** A scenario of peers that are one process each. */
export interface OneProcess<Name extends string> extends Omit<Scenario, 'metrics' | 'open'> {
  readonly peers: readonly PeerName[];
  readonly metrics: Readonly<Record<Name, Metric>>;
  readonly flavours?: Partial<Record<PeerName, Flavour>>;
  prepare(rig: Rig): Promise<void>;
  pass(rig: Rig): Promise<Readonly<Record<Name, number>>>;
}

/** Makes a scenario whose peers run on a {@link Rig} each. */
export function onRigs<Name extends string>(plan: OneProcess<Name>): Scenario {
  return {
    against: 'ws',
    ...plan,
    open: async (peer) => {
      // One of `peers`.
      const name = peer as PeerName;
      const rig = new Rig(name, plan.flavours?.[name]);
      try {
        await rig.start();
        await plan.prepare(rig);
      } catch (error) {
        await rig.stop();
        throw error;
      }
      return { pass: () => plan.pass(rig), stop: () => rig.stop() };
    },
  };
}
