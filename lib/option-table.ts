import type { Check } from './option-checks';
import { RealtimeError, describeValue } from './model/errors';
import { nearest } from './model/nearest';

/** One option: its default, and what it may be. */
export interface OptionRow {
  /** Absent = the option may be left out, and has no default. */
  readonly fallback?: unknown;
  /** It may not be left out. */
  readonly isNeeded?: true;
  readonly check: Check;
}

/**
 * Checks options against a table, and fills in the defaults.
 *
 * @throws RealtimeError `ERR_REALTIME_OPTION`, naming key, wanted and got, and the nearest known key for a typo.
 */
export function resolveTable(options: unknown, table: Readonly<Record<string, OptionRow>>): Record<string, unknown> {
  const given = checkKeys(options, Object.keys(table));
  const values: Record<string, unknown> = {};
  for (const [key, { fallback, isNeeded, check }] of Object.entries(table)) {
    const value = given[key];
    if (value === undefined && isNeeded !== true) {
      values[key] = fallback;
      continue;
    }
    if (!check.accepts(value)) failOption(`option ${key} must be ${check.wanted}, got ${describeValue(value)}`);
    values[key] = value;
  }
  return values;
}

/** Throws the error of an option that cannot be used. */
export function failOption(message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', message);
}

function checkKeys(options: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null) {
    failOption(`options must be an object, got ${describeValue(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    failOption(`unknown option ${JSON.stringify(key)}${near === undefined ? '' : `; did you mean ${near}?`}`);
  }
  return options as Readonly<Record<string, unknown>>;
}
