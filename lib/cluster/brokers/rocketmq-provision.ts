#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { RocketmqAdmin } from './rocketmq-admin';

const usage = `Makes what express-realtime needs on RocketMQ: one topic, and a consumer group for each slot.

  npx express-realtime-rocketmq --broker HOST:10911 --name shop --slots 0-9
  npx express-realtime-rocketmq --broker HOST:10911 --name shop --slots 7-9 --delete

  --broker        a broker, not the proxy (8081) and not the name server (9876); repeat it for each master
  --name          the application's name, as given to attachRealtime
  --slots         0-9, or names: a,b,c
  --topic         default <name>-realtime
  --group-prefix  default <name>-realtime-
  --fifo          a FIFO topic, which keeps the order also with several queues
  --queues        default 1
  --delete        deletes the groups of these slots; the topic stays

Running it again changes nothing that is there. With ACL on the broker use mqadmin instead, see rocketmq.md.
`;

const options = {
  broker: { type: 'string', multiple: true },
  name: { type: 'string' },
  slots: { type: 'string' },
  topic: { type: 'string' },
  'group-prefix': { type: 'string' },
  queues: { type: 'string', default: '1' },
  fifo: { type: 'boolean', default: false },
  delete: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Provisions RocketMQ from the command line; what it says goes to `print`, and rejects when something is wrong. */
export async function provisionRocketmq(args: readonly string[], print: (line: string) => void): Promise<void> {
  const { values } = parseArgs({ args: [...args], options });
  const { broker, name, slots, fifo } = values;
  if (values.help || !broker || name === undefined || slots === undefined) {
    print(usage);
    if (values.help) return;
    throw new Error('--broker, --name and --slots are needed');
  }
  const topic = { topic: values.topic ?? `${name}-realtime`, queues: Number(values.queues), fifo };
  const groups = parseSlots(slots).map((slot) => `${values['group-prefix'] ?? `${name}-realtime-`}${slot}`);
  for (const address of broker) {
    const admin = new RocketmqAdmin(address);
    if (!values.delete) await admin.createTopic(topic);
    for (const group of groups) {
      if (values.delete) await admin.deleteGroup(group);
      else await admin.createGroup(group, topic);
    }
    const done = values.delete ? 'deleted' : `topic ${topic.topic},`;
    print(`${address}: ${done} groups ${groups.join(', ')}`);
  }
}

/** `0-2` is 0, 1, 2; anything else is a list of names. */
function parseSlots(text: string): string[] {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (first === undefined || last === undefined) return text.split(',').filter((slot) => slot !== '');
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => String(Number(first) + index));
}

if (require.main === module) {
  provisionRocketmq(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
