export { brokerContract } from './broker-contract';
export type {
  BrokerContractCase,
  BrokerContractLimits,
  BrokerContractSetup,
  BrokerFaults,
  BrokerNetwork,
  BrokerPlace,
} from './contract-setup';
export { memoryBus } from './memory-broker';
export { ConnectRefusedError, connect, refusal, tryConnect } from './connect';
export type { Closed, ReceivedMessage, TestClient, WaitOptions } from './test-client';
export type { ConnectOptions, Refusal } from './connect';
export type { ReceivedFrame } from './frame-queue';
export type { MatchBytes, MemoryBrokerOptions, MemoryBus, MemoryMessage } from './memory-broker';
