import { writeFileSync } from 'node:fs';
import { Runner, reporters } from 'mocha';
import type { MochaOptions, Test } from 'mocha';

/** What one mocha run did, for the sum over all of them. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Full titles; a title that says what to install is what the user is shown. */
  readonly skipped: readonly string[];
}

/** Mocha's own reporter, which also writes {@link Counts} as JSON to the file named by `REALTIME_COUNTS`. */
export class CountingReporter extends reporters.Spec {
  constructor(runner: Runner, options?: MochaOptions) {
    super(runner, options);
    const skipped: string[] = [];
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test: Test) => skipped.push(test.fullTitle()));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes: passed, failures: failed } = this.stats;
      const file = process.env.REALTIME_COUNTS;
      if (file) writeFileSync(file, JSON.stringify({ passed, failed, skipped } satisfies Counts));
    });
  }
}

// Mocha takes the module itself for the reporter.
module.exports = CountingReporter;
