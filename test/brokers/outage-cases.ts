import { expect } from 'chai';
import type { Broker } from '../../lib/cluster/brokers/broker';
import type { FaultProxy } from '../servers/fault-proxy';
import { publishError, say, startNode } from './nodes';

/** What a broker that is reached through a proxy makes of a server that hangs or is away for a while. */
export function itSurvivesOutages(
  proxyOf: () => FaultProxy,
  throughProxy: (publishTimeoutMs?: number) => Broker,
): void {
  it('a publish that was rejected at its deadline may still arrive: the error calls it unknown', async () => {
    const node = await startNode(throughProxy(300));
    proxyOf().pause('toServer');
    const error = await publishError(node, 'late');
    expect(error?.message).to.contain('did not answer within 300 ms').and.contain('unknown');
    proxyOf().resume('toServer');
    await node.hears('late', 2000);
  });

  it('nothing is kept over an outage: what was refused while down never comes', async () => {
    const node = await startNode(throughProxy());
    await proxyOf().refuse();
    proxyOf().reset();
    await node.is('down', 2000);
    expect((await publishError(node, 'while down'))?.message).to.contain('it was not sent');
    await proxyOf().accept();
    await node.is('up', 3000);
    await say(node, 'afterwards');
    await node.hears('afterwards', 2000);
    expect(node.texts).to.deep.equal(['afterwards']);
  });
}
