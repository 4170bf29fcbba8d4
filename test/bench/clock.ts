/** Microseconds of the machine's monotonic clock, which all its processes share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Benches pace themselves. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Pushes in each of some turns, without waiting for the clients in between: a processor that falls asleep and wakes is
 * most of what that would measure.
 */
export async function inTurns(rounds: number, push: () => void): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    push();
    // What a peer puts off to later turns is not to meet the next round.
    for (let turns = 0; turns < 5; turns += 1) await turn();
  }
}
