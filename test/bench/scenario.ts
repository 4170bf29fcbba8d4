/** Enough for an interval of the median. */
export const DEFAULT_PAIRS = 15;

/** One figure of a scenario. */
export interface Metric {
  readonly unit: string;
  /** Ratio of ours to `against` that the upper end of its interval must not exceed. */
  readonly goal?: number;
  /** What ours itself must not exceed, or must reach where more is better. */
  readonly limit?: number;
  readonly isMoreBetter?: boolean;
  /** Behind the point; default 2. */
  readonly digits?: number;
}

/** A peer that is up, with its clients, and can be measured again and again. */
export interface Running {
  /** One pass: a value for each metric of the scenario. */
  pass(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

/** What is measured, of whom, and against whom. */
export interface Scenario {
  readonly title: string;
  readonly peers: readonly string[];
  /** The other peer of every ratio; none: absolute figures only. */
  readonly against?: string;
  readonly metrics: Readonly<Record<string, Metric>>;
  /** A fresh start for each pass instead of one for all. */
  readonly isFresh?: boolean;
  /** How many passes ours and the peer that it is compared with get; the others get {@link DEFAULT_PAIRS}. */
  readonly pairs?: number;
  /** Scenarios that follow each other and name one fleet are measured on the same processes. */
  readonly fleet?: string;
  /** Passes before those that count; default 1, which warms up what goes on running. */
  readonly warmUps?: number;
  /** Not run unless it is named. */
  readonly isExtra?: boolean;
  /** What this machine lacks for it. */
  missing?(): string | undefined;
  open(peer: string): Promise<Running>;
}
