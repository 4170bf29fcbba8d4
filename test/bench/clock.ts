/** Microseconds of the machine's monotonic clock, which all its processes share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Benches pace themselves. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
