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

/** What was measured on a machine. */
export interface Results {
  readonly machine: string;
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

/** A scenario as a markdown table: a row a peer; where there is a lot to tell a row a metric. */
export function markdown(
  name: string,
  { title, against, metrics, peers }: Scenario,
  results: readonly Result[],
): string {
  const cell = ({ metric, rows }: Result, peer: string): string => {
    const row = rows.find((each) => each.peer === peer);
    if (row === undefined) return '';
    const shown = row.absolute.median.toFixed(metrics[metric]?.digits ?? 2);
    return row.ratio === undefined || peer === against ? shown : `${shown} = ${interval(row.ratio)}`;
  };
  const table =
    results.length > 2
      ? [['', ...peers], ...results.map((result) => [result.unit, ...peers.map((peer) => cell(result, peer))])]
      : [
          ['', ...results.map(({ unit }) => unit)],
          ...peers.map((peer) => [peer, ...results.map((each) => cell(each, peer))]),
        ];
  const [head = '', ...rows] = table.map((cells) => `| ${cells.join(' | ')} |`);
  return [
    `### ${name}: ${title}${against === undefined ? '' : ` (× = ratio to ${against} with its 95 % interval)`}`,
    '',
    head,
    `|---|${columns(table)}`,
    ...rows,
    '',
    ...results.flatMap(verdict),
  ].join('\n');
}

function columns([head = []]: readonly (readonly string[])[]): string {
  return '--:|'.repeat(head.length - 1);
}

function interval({ median, low, high }: Estimate): string {
  return `${median.toFixed(2)} × [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

function verdict({ unit, goal, limit, isMoreBetter, isMet, against }: Result): string[] {
  if (isMet === undefined) return [];
  const said = isMet ? 'met' : 'NOT met';
  if (goal !== undefined) return [`Goal for ${unit}: ≤ ${goal} × ${against ?? ''}: ${said}.  `];
  return [`Goal for ${unit}: ${isMoreBetter ? '≥' : '≤'} ${limit}: ${said}.  `];
}
