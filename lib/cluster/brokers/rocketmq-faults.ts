import { RealtimeError } from '../../model/errors';
import { cleanFault, faultCode } from './fault-text';

/** What a fault is about. */
export interface RocketmqNames {
  readonly label: string;
  readonly topic: string;
  readonly group: string;
  readonly secrets: readonly string[];
}

/** Codes of the proxy (`definition.proto`) and, below 20, of gRPC. */
const codes = { topicMissing: 40402, groupMissing: 40403, loginRefused: [40100, 40300, 7, 16] } as const;

/** Whether the topic is missing; where proxy and broker are apart, that is also said while the broker is away. */
export function isMissingTopic(fault: unknown): boolean {
  return chain(fault).some((inner) => faultCode(inner) === codes.topicMissing);
}

/** Whether a request had no answer in time (gRPC's DEADLINE_EXCEEDED). */
export function isUnanswered(fault: unknown): boolean {
  return chain(fault).some((inner) => faultCode(inner) === 4);
}

/**
 * Puts a fault of the driver into words: as a set-up error where waiting mends nothing, as a plain error otherwise.
 * The driver hides the reason some causes down. No secret in either.
 */
export function explain(fault: unknown, names: RocketmqNames): Error {
  if (fault instanceof RealtimeError) return fault;
  const faults = chain(fault);
  const reason = oneLine(cleanFault(faults.at(-1), names.secrets).message);
  const found = faults.map(faultCode);
  if (found.includes(codes.topicMissing)) return setupError(missingTopicText(names, reason));
  if (found.includes(codes.groupMissing) || /group not found|group.* not exist/i.test(reason)) {
    return setupError(missingGroupText(names, reason));
  }
  if (found.some((code) => codes.loginRefused.some((refused) => refused === code))) {
    return setupError(
      `${names.label} refused the login (${reason}): check credentials, and the rights on ${names.topic}`,
    );
  }
  const isAway = found.includes(14) || /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|did not answer/.test(reason);
  const hint = isAway ? '; if it should be up, check endpoints: the proxy, 8081 as installed, not the broker' : '';
  return new Error(reason + hint);
}

function missingTopicText({ label, topic }: RocketmqNames, reason: string): string {
  const command = `mqadmin updateTopic -n NAMESRV:9876 -c CLUSTER -t ${topic} -r 1 -w 1`;
  return `${label} has no topic ${topic} (${reason}). Create it with one queue: ${command}`;
}

function missingGroupText({ label, group }: RocketmqNames, reason: string): string {
  const command = `mqadmin updateSubGroup -n NAMESRV:9876 -c CLUSTER -g ${group}`;
  return `${label} has no consumer group ${group} (${reason}). Create it: ${command}`;
}

/** The fault and its causes, outermost first. */
function chain(fault: unknown): unknown[] {
  const faults = [fault];
  for (
    let inner = fault;
    inner instanceof Error && inner.cause !== undefined && faults.length < 10;
    inner = inner.cause
  ) {
    faults.push(inner.cause);
  }
  return faults;
}

/** RocketMQ's own remarks go over several lines, with a link for each. */
function oneLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim();
}

function setupError(message: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}
