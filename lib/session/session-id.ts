import { randomFillSync } from 'node:crypto';
import { flatText } from './flat-text';

const RANDOM_BYTES = 16;
/** Filled for many ids at once: a call of the system costs 25 µs. */
const pool = Buffer.alloc(RANDOM_BYTES * 256);
let used = pool.length;

/** Makes the id of a session: its node, and 128 random bits, so that nobody can guess it. */
export function newSessionId(nodeId: string): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.toString('base64url', used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  return flatText(`${nodeId}.${random}`);
}
