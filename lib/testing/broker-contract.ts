import { faultCases } from './contract-faults';
import { carryingCases } from './contract-carrying';
import type { BrokerContractCase, BrokerContractLimits, BrokerContractSetup } from './contract-setup';
import { lifeCases } from './contract-life';

const defaultLimits: BrokerContractLimits = {
  ...{ startMs: 10_000, publishMs: 5_000, deliverMs: 10_000, closeMs: 5_000, noticeMs: 10_000, recoverMs: 5_000 },
  ...{ bigBytes: 256 * 1024, frames: 10_000 },
};

/**
 * The behaviour that every broker of this package has, as a list of cases for any test runner:
 *
 * ```ts
 * for (const { title, timeoutMs, run } of brokerContract({ create: () => myBroker() })) {
 *   it(title, run).timeout(timeoutMs);
 * }
 * ```
 *
 * Cases on faults are there when `faults` and `network` are; they come last.
 */
export function brokerContract(setup: BrokerContractSetup): readonly BrokerContractCase[] {
  const limits = { ...defaultLimits, ...setup.limits };
  const cases = [...lifeCases(setup, limits)];
  if (!setup.isLocal) cases.push(...carryingCases(setup, limits), ...faultCases(setup, limits));
  return cases.map((each) => ({ timeoutMs: 120_000, ...each }));
}
