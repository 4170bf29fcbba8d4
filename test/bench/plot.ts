import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result, Results, Row } from './report';

const WIDTH = 720;
const LEFT = 170;
const RIGHT = 210;
const TOP = 58;
const ROW = 30;
const BAR = 16;
const STYLE = [
  ':root{color:#1f2328;--ours:#0969da;--other:#8c959f;--goal:#cf222e}',
  '@media(prefers-color-scheme:dark){:root{color:#e6edf3;--ours:#58a6ff;--other:#6e7681;--goal:#ff7b72}}',
  'text{font:13px system-ui,sans-serif;fill:currentColor}.title{font-weight:600;font-size:15px}.note{opacity:.7}',
  '.ours{fill:var(--ours)}.other{fill:var(--other)}.range{stroke:currentColor;stroke-width:1.5}',
  '.goal{stroke:var(--goal);stroke-width:1.5;stroke-dasharray:4 3}',
].join('');

/** Draws one bar chart for each metric that compares peers. @returns the files, which are overwritten. */
export function plotInto(folder: string, { machine, results }: Results): string[] {
  mkdirSync(folder, { recursive: true });
  return results.filter(isComparison).map((result) => {
    const file = join(folder, `${result.scenario}-${result.metric}.svg`);
    writeFileSync(file, barChart(result, machine));
    return file;
  });
}

function isComparison({ rows }: Result): boolean {
  return rows.length > 1 && rows.every(({ absolute }) => Number.isFinite(absolute.median));
}

/** A bar for each peer: its ratio to the one that is compared with, else its figure. */
function barChart(result: Result, machine: string): string {
  const { title, unit, against, goal, rows } = result;
  const shown = rows.map((row) => ({ ...row, value: row.ratio ?? row.absolute }));
  const largest = Math.max(...shown.map(({ value }) => value.high), goal ?? 0) || 1;
  const x = (value: number) => LEFT + (Math.max(0, value) / largest) * (WIDTH - LEFT - RIGHT);
  const height = TOP + rows.length * ROW + 30;
  const bars = shown.map(({ peer, value, absolute, ratio }, index) => {
    const y = TOP + index * ROW;
    const middle = y + BAR / 2;
    const text = `${short(absolute.median)}${ratio ? `, ${ratio.median.toFixed(2)} ×` : ''}`;
    return [
      `<text x="${LEFT - 10}" y="${middle + 5}" text-anchor="end">${escaped(peer)}</text>`,
      `<rect class="${classOf(peer)}" x="${LEFT}" y="${y}" width="${fixed(x(value.median) - LEFT)}" height="${BAR}" rx="2"/>`,
      `<line class="range" x1="${fixed(x(value.low))}" x2="${fixed(x(value.high))}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${WIDTH - RIGHT + 14}" y="${middle + 5}">${escaped(text)}</text>`,
      goal === undefined || peer !== 'ours' ? '' : goalMark(x(goal), y),
    ].join('');
  });
  const compared = against === undefined ? unit : `${unit}; bars: ratio to ${against}, 95 % interval`;
  const goalText = goal === undefined ? '' : `; goal for ours (dashed) ≤ ${goal} ×`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(`${title}: ${describe(rows)}`)}</title><style>${STYLE}</style>`,
    `<text class="title" x="10" y="22">${escaped(title)}</text>`,
    `<text class="note" x="10" y="42">${escaped(compared + goalText)}</text>`,
    ...bars,
    `<text class="note" x="10" y="${height - 8}">${escaped(machine)}</text>`,
    '</svg>\n',
  ].join('\n');
}

function goalMark(x: number, y: number): string {
  return `<line class="goal" x1="${fixed(x)}" x2="${fixed(x)}" y1="${y - 6}" y2="${y + BAR + 6}"/>`;
}

/** For readers who do not see the chart. */
function describe(rows: readonly Row[]): string {
  return rows.map(({ peer, absolute }) => `${peer} ${short(absolute.median)}`).join(', ');
}

function classOf(peer: string): string {
  return peer === 'ours' ? 'ours' : 'other';
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
