import { localBroker } from '../../lib/cluster/brokers/local';
import { itKeepsTheContract } from './describe-contract';

describe('broker contract: local', () => {
  itKeepsTheContract({ create: () => localBroker(), isLocal: true });
});
