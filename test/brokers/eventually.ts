import { expect } from 'chai';
import { pause } from '../servers/server';

/** Asks something outside this process again and again, until it holds; fails after `withinMs`. */
export async function eventually(what: string, withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) expect.fail(`not within ${withinMs} ms: ${what}`);
    await pause(100);
  }
}
