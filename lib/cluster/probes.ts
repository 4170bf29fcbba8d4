import type { ClusterSettings } from './settings';

/** The ways on which a node hears itself: what goes to all, and what goes to it alone. */
export type ProbeRoute = 'all' | 'self';

/** What probes ask of the node, and tell it. */
export interface ProbeHost {
  readonly settings: ClusterSettings;
  /** The routes that this node uses. */
  readonly routes: readonly ProbeRoute[];
  /** Rejects when the broker did not take it. */
  sendProbe(route: ProbeRoute, id: string): Promise<void>;
  /** As many probes in a row as were asked for came back, on each route. */
  handleConfirmed(): void;
  /** Nothing came back for `deafAfterMs`. */
  handleDeaf(): void;
  /** Again and again probes are missing among others that come back: somebody else takes them. */
  handleShared(): void;
}

/** In a row, before a node is ready; after a fault one is enough. */
const START_STREAK = 3;
/** Once a probe was missing among others: luck must not pass for health. */
const DOUBTFUL_STREAK = 10;
/** Of the last so many probes that came back … */
const RECENT = 8;
/** … so many had lost one right before them. An outage makes one such place, a shared group one after the other. */
const SHARED_PLACES = 3;

/** The probes of one route. */
class RouteProbes {
  readonly route: ProbeRoute;
  /** Taken or being taken by the broker, not back yet. */
  readonly #awaited = new Set<number>();
  /** For the last probes that came back: whether one was missing before it. */
  readonly #recent: boolean[] = [];
  #sent = 0;
  streak = 0;
  sentAt = -Infinity;
  heardAt: number;
  isSending = false;
  /** The next one goes as soon as the broker has answered for the last. */
  isNextDue = false;

  constructor(route: ProbeRoute, now: number) {
    this.route = route;
    this.heardAt = now;
  }

  get hasLost(): boolean {
    return this.#recent.includes(true);
  }

  get isShared(): boolean {
    return this.#recent.filter(Boolean).length >= SHARED_PLACES;
  }

  restart(now: number): void {
    this.heardAt = now;
    this.sentAt = -Infinity;
    this.forgetAll();
  }

  /** What an outage swallowed says nothing of what comes after it. */
  forgetAll(): void {
    this.streak = 0;
    this.#awaited.clear();
    this.#recent.length = 0;
  }

  next(now: number): number {
    this.#sent += 1;
    this.sentAt = now;
    this.#awaited.add(this.#sent);
    return this.#sent;
  }

  forget(number: number): void {
    this.#awaited.delete(number);
  }

  /** @returns false for a probe that was not awaited. */
  handleBack(number: number): boolean {
    if (!this.#awaited.delete(number)) return false;
    const overtaken = [...this.#awaited].filter((each) => each < number);
    for (const each of overtaken) this.#awaited.delete(each);
    this.streak = overtaken.length > 0 ? 1 : this.streak + 1;
    this.#recent.push(overtaken.length > 0);
    if (this.#recent.length > RECENT) this.#recent.shift();
    return true;
  }
}

/**
 * Sends frames to this node itself and watches them come back: the one proof that the broker still carries what
 * it takes. Drivers notice a hung broker late or never.
 */
export class Probes {
  readonly #host: ProbeHost;
  readonly #routes: readonly RouteProbes[];
  #wanted = START_STREAK;
  #isConfirmed = false;
  #isDeaf = false;
  #hasToldShared = false;
  #isRunning = false;
  #tickedAt = 0;
  #isClockWanted = false;

  constructor(host: ProbeHost) {
    this.#host = host;
    const now = performance.now();
    this.#routes = host.routes.map((route) => new RouteProbes(route, now));
  }

  /** Begins anew: the broker has just come up. */
  restart(): void {
    const now = performance.now();
    this.#isRunning = true;
    this.#isConfirmed = false;
    this.#isDeaf = false;
    this.#tickedAt = now;
    for (const probes of this.#routes) {
      probes.restart(now);
      this.#send(probes, now);
    }
  }

  /** Sends none while the broker is down. */
  stop(): void {
    this.#isRunning = false;
  }

  /** Soon sends one to all: a new node wants to know this one's clock. */
  wantClock(): void {
    this.#isClockWanted = true;
  }

  /** How soon {@link tick} wants to be called again. */
  get nextTickMs(): number {
    const { startProbeMs, tickMs } = this.#host.settings;
    return this.#isRunning && !this.#isConfirmed && !this.#isDeaf ? startProbeMs : tickMs;
  }

  /** Something of this node came back; `id` for a probe. */
  handleOwn(route: ProbeRoute, id: string | undefined): void {
    const probes = this.#routes.find((each) => each.route === route);
    if (probes === undefined || !this.#isRunning) return;
    probes.heardAt = performance.now();
    if (id === undefined || !probes.handleBack(Number(id))) return;
    if (probes.isShared && !this.#hasToldShared) {
      this.#hasToldShared = true;
      this.#host.handleShared();
    }
    if (this.#isConfirmed) return;
    if (!this.#isEnough(probes)) this.#sendNext(probes);
    else if (this.#routes.every((each) => this.#isEnough(each))) this.#confirm();
  }

  tick(): void {
    const now = performance.now();
    this.#forgiveOwnPause(now);
    if (!this.#isRunning) return;
    for (const probes of this.#routes) if (this.#isDue(probes, now)) this.#send(probes, now);
    const { deafAfterMs } = this.#host.settings;
    if (this.#isDeaf || this.#routes.every((probes) => now - probes.heardAt < deafAfterMs)) return;
    this.#isDeaf = true;
    this.#isConfirmed = false;
    for (const probes of this.#routes) probes.forgetAll();
    this.#host.handleDeaf();
  }

  #isEnough(probes: RouteProbes): boolean {
    return probes.streak >= (probes.hasLost ? DOUBTFUL_STREAK : this.#wanted);
  }

  #confirm(): void {
    this.#isConfirmed = true;
    this.#isDeaf = false;
    this.#wanted = 1;
    this.#hasToldShared = false;
    this.#host.handleConfirmed();
  }

  /** A process that was stopped or blocked must not take its own silence for the broker's. */
  #forgiveOwnPause(now: number): void {
    const late = now - this.#tickedAt - this.nextTickMs;
    this.#tickedAt = now;
    if (late < this.#host.settings.tickMs * 2) return;
    for (const probes of this.#routes) probes.heardAt = Math.min(now, probes.heardAt + late);
  }

  #isDue(probes: RouteProbes, now: number): boolean {
    const { startProbeMs, idleProbeMs, repeatProbeMs, clockProbeMs } = this.#host.settings;
    const sinceSent = now - probes.sentAt;
    if (!this.#isConfirmed) return sinceSent >= (this.#isDeaf ? repeatProbeMs : startProbeMs);
    if (probes.route === 'all' && (this.#isClockWanted || sinceSent >= clockProbeMs)) return true;
    return now - probes.heardAt >= idleProbeMs && sinceSent >= repeatProbeMs;
  }

  #send(probes: RouteProbes, now: number): void {
    // The one before still waits for the broker's answer: another would only wait behind it.
    if (probes.isSending) return;
    probes.isNextDue = false;
    if (probes.route === 'all') this.#isClockWanted = false;
    const number = probes.next(now);
    probes.isSending = true;
    this.#host.sendProbe(probes.route, String(number)).then(
      () => {
        probes.isSending = false;
        if (probes.isNextDue && this.#isRunning) this.#send(probes, performance.now());
      },
      () => {
        probes.isSending = false;
        probes.forget(number);
      },
    );
  }

  /** A probe may be back before the broker has said that it took it. */
  #sendNext(probes: RouteProbes): void {
    probes.isNextDue = probes.isSending;
    if (!probes.isSending) this.#send(probes, performance.now());
  }
}
