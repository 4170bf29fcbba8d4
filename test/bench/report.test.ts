import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Result, Row } from './report';
import { judge, markdown } from './report';
import { plotInto } from './plot';
import { estimate, ratios } from './stats';

const OURS = [8, 9, 10, 9, 8];
const WS = [10, 12, 11, 10, 12];

const rows: readonly Row[] = [
  { peer: 'ours', absolute: estimate(OURS), ratio: estimate(ratios(OURS, WS)) },
  { peer: 'ws', absolute: estimate(WS), ratio: estimate(ratios(WS, WS)) },
];
const result: Result = {
  ...{ scenario: 'fanout', title: 'to 1 & all', metric: 'cpu', unit: 'µs', against: 'ws', goal: 0.95 },
  ...{ isMoreBetter: false, isMet: true, rows },
};

describe('bench: what it says', () => {
  it('takes the ratio pair by pair, and a goal is met only by the upper end of its interval', () => {
    expect(rows[0]?.ratio?.median).to.equal(0.8);
    expect(judge({ unit: 'µs', goal: 0.95 }, rows)).to.equal(true);
    expect(judge({ unit: 'µs', goal: 0.85 }, rows)).to.equal(false);
    expect(judge({ unit: 'µs', limit: 9.5 }, rows)).to.equal(false);
    expect(judge({ unit: 'µs' }, rows)).to.equal(undefined);
  });

  it('prints a markdown table: a row a peer, each with its ratio', () => {
    const scenario = { title: 'to 1 & all', peers: ['ours', 'ws'], against: 'ws', metrics: { cpu: { unit: 'µs' } } };
    const open = () => Promise.reject(new Error('not opened'));
    const lines = markdown('fanout', { ...scenario, open }, [result]).split('\n');
    expect(lines.filter((line) => line.startsWith('|'))).to.deep.equal([
      '|  | µs |',
      '|---|--:|',
      '| ours | 9.00 = 0.80 × [0.67, 0.91] |',
      '| ws | 11.00 |',
    ]);
    expect(lines.at(-1)).to.contain('met');
  });

  it('draws a chart that shows every peer, in light and in dark', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-plots-'));
    try {
      const files = plotInto(folder, { machine: 'a machine', results: [result] });
      expect(files).to.deep.equal([join(folder, 'fanout-cpu.svg')]);
      const svg = readFileSync(join(folder, 'fanout-cpu.svg'), 'utf8');
      expect(svg)
        .to.match(/^<svg [^>]*viewBox/)
        .and.to.contain('prefers-color-scheme:dark');
      expect(svg).to.contain('to 1 &amp; all').and.to.contain('>ours<').and.to.contain('0.80 ×');
      expect(svg).to.not.contain('NaN');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
