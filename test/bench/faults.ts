import type { Accepted, StateChange } from './fault-node';
import type { BenchBroker, BrokerName } from './brokers';
import { missingBroker, startBroker } from './brokers';
import { nowUs, pause } from './clock';
import { LoadSocket } from './load-socket';
import { Worker } from './worker';

const NODE = `${__dirname}/fault-node.ts`;
const EVERY_MS = 20;
const FREEZE_MS = 15_000;
const NOTICE_LIMIT_MS = 30_000;
const RECOVER_LIMIT_MS = 120_000;
const LEFTOVER_LIMIT_MS = 10_000;
/** How long a message may still be on its way when the stream has stopped. */
const LATE_MS = 3000;
/** A message counts as sent while connected when nothing was down so long before and after it. */
const MARGIN_US = 100_000;
const ROUNDS: Readonly<Record<BrokerName, number>> = { redis: 20, rabbitmq: 20, kafka: 5, rocketmq: 5 };
const FAULTS = {
  kill: 'broker: kill -9, restart',
  freeze: 'broker: SIGSTOP 15 s',
  node: 'a node: kill -9, restart',
} as const;

type Fault = keyof typeof FAULTS;

/** What one round showed; seconds. */
interface Round {
  readonly notice: number;
  readonly recover: number;
  readonly lostConnected: number;
  readonly lostAround: number;
  readonly duplicates: number;
}

/** Prints what each broker does when it, or a node, fails: a row a fault. @returns the same as one text. */
export async function faultTable(brokers?: readonly string[], rounds?: number): Promise<string> {
  const names = (Object.keys(ROUNDS) as BrokerName[]).filter((name) => brokers === undefined || brokers.includes(name));
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line);
    console.log(line);
  };
  print(
    '| broker | fault | rounds | s to notice, median (worst) | s to recover | accepted and lost while connected | accepted and lost around the fault | duplicates | leftovers |',
  );
  print('|---|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const name of names) {
    const missing = missingBroker(name);
    if (missing !== undefined) {
      print(`| ${name} | left out: ${missing} |`);
      continue;
    }
    const broker = await startBroker(name);
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      print(await faultRow(name, broker, fault, rounds ?? ROUNDS[name]));
    }
  }
  return lines.join('\n');
}

async function faultRow(name: BrokerName, broker: BenchBroker, fault: Fault, wanted: number): Promise<string> {
  const app = `faults-${fault}-${process.pid}`;
  await broker.prepare(app);
  const stage = new Stage(broker, app);
  const rounds: Round[] = [];
  let leftovers: number | undefined;
  try {
    await stage.start();
    for (let round = 0; round < wanted; round += 1) rounds.push(await stage.round(fault));
    await stage.close();
    leftovers = await leftoversOf(broker, app);
  } finally {
    await stage.kill();
  }
  const sum = (count: (round: Round) => number) => rounds.reduce((total, round) => total + count(round), 0);
  const cells = [
    ...[name, FAULTS[fault], rounds.length],
    ...[fault === 'node' ? '–' : seconds(rounds.map(({ notice }) => notice))],
    seconds(rounds.map(({ recover }) => recover)),
    sum(({ lostConnected }) => lostConnected),
    // While the only receiver is away there is nothing to lose.
    fault === 'node' ? '–' : sum(({ lostAround }) => lostAround),
    ...[sum(({ duplicates }) => duplicates), leftovers ?? 'by design'],
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Two nodes on a broker, A pushing all the time, and a client of B that keeps coming back. */
class Stage {
  readonly #broker: BenchBroker;
  readonly #app: string;
  readonly #a = new Worker(NODE, []);
  #b = new Worker(NODE, []);
  #client: LoadSocket | undefined;
  /** When each number came to the client; more than one time for a duplicate. */
  readonly #arrivals = new Map<number, number[]>();
  #lastArrival = { number: 0, atUs: 0 };
  /** When B or its client was away. */
  readonly #absences: { readonly fromUs: number; toUs: number }[] = [];

  constructor(broker: BenchBroker, app: string) {
    this.#broker = broker;
    this.#app = app;
  }

  async start(): Promise<void> {
    await this.#a.call('start', { url: this.#broker.url(0), name: this.#app });
    await this.#startB();
  }

  async round(fault: Fault): Promise<Round> {
    this.#arrivals.clear();
    this.#absences.length = 0;
    const beganUs = nowUs();
    await this.#a.call('stream', EVERY_MS);
    await this.#untilArrivals(beganUs, 20);
    const { faultUs, repairedUs } = await this.#inject(fault);
    await this.#untilArrivals(repairedUs, 1);
    const recover = (this.#lastArrival.atUs - repairedUs) / 1e6;
    await this.#untilUp();
    await this.#untilArrivals(nowUs(), 20);
    const accepted = await this.#a.call<Accepted[]>('stopStream');
    const lastSentUs = Math.max(...accepted.map(({ sentUs }) => sentUs));
    await this.#settled(accepted);
    const changes = await this.#changes();
    const downs = changes.flat().filter(({ isUp, atUs }) => !isUp && atUs > faultUs && atUs < lastSentUs);
    const notice = downs.length === 0 ? NaN : (Math.min(...downs.map(({ atUs }) => atUs)) - faultUs) / 1e6;
    return { notice, recover, ...this.#losses(accepted, changes) };
  }

  /** Closes both nodes as an application does. */
  async close(): Promise<void> {
    this.#client?.destroy();
    await Promise.all([this.#a.call('close'), this.#b.call('close')]);
  }

  async kill(): Promise<void> {
    this.#client?.destroy();
    await Promise.all([this.#a.stop(), this.#b.stop()]);
  }

  /** @returns when the fault began, and when whoever had failed could be used again. */
  async #inject(fault: Fault): Promise<{ faultUs: number; repairedUs: number }> {
    const faultUs = nowUs();
    if (fault === 'node') {
      const absence = { fromUs: faultUs, toUs: Infinity };
      this.#absences.push(absence);
      await this.#b.stop();
      this.#b = new Worker(NODE, []);
      // Up to here it is the start of a process, which says nothing about the broker.
      await this.#b.call('changes');
      const repairedUs = nowUs();
      await this.#startB();
      absence.toUs = nowUs();
      return { faultUs, repairedUs };
    }
    if (fault === 'kill') {
      await this.#broker.kill();
      await this.#untilDown(faultUs);
      await this.#broker.restart();
    } else {
      this.#broker.freeze();
      await pause(FREEZE_MS);
      this.#broker.thaw();
    }
    return { faultUs, repairedUs: nowUs() };
  }

  async #startB(): Promise<void> {
    const port = await this.#b.call<number>('start', { url: this.#broker.url(1), name: this.#app });
    this.#client?.destroy();
    const client = new LoadSocket(port, '/ws', [], 'plain', 1);
    this.#client = client;
    await new Promise<void>((resolve, reject) => {
      client.onOpen = (error) => (error === undefined ? resolve() : reject(error));
    });
    client.onMessage = (payload) => {
      const number = Number(/"content":"(\d+)"/.exec(payload.toString())?.[1]);
      if (Number.isNaN(number)) return;
      const times = this.#arrivals.get(number) ?? [];
      times.push(nowUs());
      this.#arrivals.set(number, times);
      this.#lastArrival = { number, atUs: nowUs() };
    };
  }

  async #changes(): Promise<StateChange[][]> {
    return Promise.all([this.#a, this.#b].map((node) => node.call<StateChange[]>('changes')));
  }

  async #untilDown(sinceUs: number): Promise<void> {
    await until(NOTICE_LIMIT_MS, async () =>
      (await this.#changes()).every((changes) => changes.some(({ isUp, atUs }) => !isUp && atUs >= sinceUs)),
    );
  }

  async #untilUp(): Promise<void> {
    await until(RECOVER_LIMIT_MS, async () => (await this.#changes()).every((changes) => changes.at(-1)?.isUp ?? true));
  }

  /** Waits for so many messages after a time. */
  async #untilArrivals(sinceUs: number, count: number): Promise<void> {
    const recent = () => [...this.#arrivals.values()].filter((times) => times.some((at) => at > sinceUs)).length;
    const isThere = await until(RECOVER_LIMIT_MS, async () => recent() >= count);
    if (!isThere) throw new Error(`nothing arrived within ${RECOVER_LIMIT_MS / 1000} s`);
  }

  async #settled(accepted: readonly Accepted[]): Promise<void> {
    await until(LATE_MS, async () => accepted.every(({ number }) => this.#arrivals.has(number)));
  }

  #losses(
    accepted: readonly Accepted[],
    changes: readonly (readonly StateChange[])[],
  ): Pick<Round, 'lostConnected' | 'lostAround' | 'duplicates'> {
    const away = [...this.#absences, ...changes.flatMap(downTimes)];
    const lost = accepted.filter(({ number }) => !this.#arrivals.has(number));
    const around = lost.filter(({ sentUs, acceptedUs }) =>
      away.some(({ fromUs, toUs }) => sentUs - MARGIN_US < toUs && acceptedUs + MARGIN_US > fromUs),
    ).length;
    const duplicates = [...this.#arrivals.values()].reduce((total, times) => total + times.length - 1, 0);
    return { lostConnected: lost.length - around, lostAround: around, duplicates };
  }
}

function downTimes(changes: readonly StateChange[]): { fromUs: number; toUs: number }[] {
  return changes.flatMap(({ isUp, atUs }, index) =>
    isUp ? [] : [{ fromUs: atUs, toUs: changes.slice(index).find((later) => later.isUp)?.atUs ?? Infinity }],
  );
}

async function leftoversOf(broker: BenchBroker, app: string): Promise<number | undefined> {
  let left: number | undefined;
  await until(LEFTOVER_LIMIT_MS, async () => {
    left = await broker.leftovers(app);
    return left === undefined || left === 0;
  });
  return left;
}

async function until(limitMs: number, isTrue: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    if (await isTrue()) return true;
    await pause(20);
  }
  return false;
}

function seconds(values: readonly number[]): string {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (known.length === 0) return 'not noticed';
  const missed = values.length - known.length;
  const median = known[Math.floor(known.length / 2)] ?? NaN;
  return `${median.toFixed(1)} (${(known.at(-1) ?? NaN).toFixed(1)})${missed > 0 ? `, ${missed} not noticed` : ''}`;
}
