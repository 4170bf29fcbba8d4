import type { Estimate } from './stats';
import type { Metric, Scenario } from './scenario';

/** One peer's figure. */
export interface Row {
  readonly peer: string;
  readonly absolute: Estimate;
  /** To the peer that the scenario compares with, pair by pair. */
  readonly ratio?: Estimate;
}

/** One metric of one scenario, as it is written to the results file. */
export interface Result {
  readonly scenario: string;
  readonly title: string;
  readonly metric: string;
  readonly unit: string;
  readonly against?: string;
  readonly goal?: number;
  readonly limit?: number;
  readonly isMoreBetter: boolean;
  readonly isMet?: boolean;
  readonly rows: readonly Row[];
}

/** All of one run. */
export interface Results {
  readonly machine: string;
  readonly takenAt: string;
  readonly results: readonly Result[];
}

/** Says whether what was wanted was reached: by the end of the interval that is the worse one. */
export function judge({ goal, limit, isMoreBetter = false }: Metric, rows: readonly Row[]): boolean | undefined {
  const ours = rows.find(({ peer }) => peer === 'ours');
  if (ours === undefined) return undefined;
  if (goal !== undefined) return ours.ratio === undefined ? undefined : ours.ratio.high <= goal;
  if (limit === undefined) return undefined;
  return isMoreBetter ? ours.absolute.low >= limit : ours.absolute.high <= limit;
}

/** A scenario as a markdown table: a row a peer, a column a metric, the ratio beside it. */
export function markdown(name: string, scenario: Scenario, results: readonly Result[]): string {
  const { title, against, metrics, peers } = scenario;
  const heads = results.flatMap(({ unit, rows }) => (hasRatios(rows) ? [unit, '×'] : [unit]));
  const lines = [
    `### ${name}: ${title}${against === undefined ? '' : ` (× = ratio to ${against} with its 95 % interval)`}`,
    '',
    `| | ${heads.join(' | ')} |`,
    `|---|${heads.map(() => '--:').join('|')}|`,
  ];
  for (const peer of peers) {
    const cells = results.flatMap(({ metric, rows }) => {
      const row = rows.find((each) => each.peer === peer);
      const shown = row ? row.absolute.median.toFixed(metrics[metric]?.digits ?? 2) : '';
      return hasRatios(rows) ? [shown, row?.ratio ? interval(row.ratio) : ''] : [shown];
    });
    lines.push(`| ${peer} | ${cells.join(' | ')} |`);
  }
  return [...lines, '', ...results.flatMap(verdict)].join('\n');
}

function hasRatios(rows: readonly Row[]): boolean {
  return rows.length > 1 && rows.some(({ ratio }) => ratio !== undefined);
}

function interval({ median, low, high }: Estimate): string {
  return `${median.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

function verdict({ unit, goal, limit, isMoreBetter, isMet, against }: Result): string[] {
  if (isMet === undefined) return [];
  const said = isMet ? 'met' : 'NOT met';
  if (goal !== undefined) return [`Goal for ${unit}: ≤ ${goal} × ${against ?? ''}: ${said}.  `];
  return [`Goal for ${unit}: ${isMoreBetter ? '≥' : '≤'} ${limit}: ${said}.  `];
}
