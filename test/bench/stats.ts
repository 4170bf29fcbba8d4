/** A median with its 95 % interval. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const Z_95 = 1.96;

/**
 * The median of a sample and the 95 % interval of the median by order statistics (binomial), which assumes nothing of
 * the distribution.
 */
export function estimate(sample: readonly number[]): Estimate {
  const sorted = [...sample].sort((a, b) => a - b);
  const n = sorted.length;
  const half = (Z_95 * Math.sqrt(n)) / 2;
  const low = Math.max(0, Math.floor(n / 2 - half));
  const high = Math.min(n - 1, Math.ceil(n / 2 + half) - 1);
  return { median: medianOf(sorted), low: sorted[low] ?? NaN, high: sorted[high] ?? NaN };
}

/** The ratios of two samples, pair by pair: both halves of a pair saw the machine in the same mood. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value / (b[index] ?? NaN));
}

function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? NaN;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
