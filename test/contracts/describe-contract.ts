import { brokerContract } from '../../lib/testing/broker-contract';
import type { BrokerContractSetup } from '../../lib/testing/contract-setup';

/**
 * Gives every case of the broker contract as a test. Call it inside `describe`.
 * The counts of the fault cases are printed where `FAULT_COUNTS` is set.
 */
export function itKeepsTheContract(setup: BrokerContractSetup): void {
  const report = process.env['FAULT_COUNTS'] ? (line: string) => console.log(`        ${line}`) : () => {};
  for (const { title, timeoutMs, run } of brokerContract({ report, ...setup })) it(title, run).timeout(timeoutMs);
}
