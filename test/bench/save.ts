import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Results } from './report';
import { plotInto } from './plot';
import { SCENARIOS } from './scenarios';

const FOLDER = join(__dirname, 'results');

/** Writes what was measured of a scenario, and its charts, and renews the page that shows all. */
export function saveScenario(name: string, table: string, { machine, results }: Results): void {
  const charts = plotInto(FOLDER, { machine, results }).map((file) => `![${name}](${basename(file)})`);
  savePage(name, [table.trimEnd(), machine, ...charts]);
}

/** Writes what brokers do in an outage. */
export function saveFaults(machine: string, table: string): void {
  savePage('faults', ['### faults: what is lost when', table, machine]);
}

function savePage(name: string, parts: readonly string[]): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(pathOf(name), `${parts.join('\n\n')}\n`);
  const pages = [...Object.keys(SCENARIOS), 'faults'].map(pathOf).filter((path) => existsSync(path));
  const title = '# What `npm run bench` measured';
  writeFileSync(join(FOLDER, 'README.md'), [title, ...pages.map((path) => readFileSync(path, 'utf8'))].join('\n\n'));
}

function pathOf(name: string): string {
  return join(FOLDER, `${name}.md`);
}
