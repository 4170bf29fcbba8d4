import { createHook } from 'node:async_hooks';
import { Socket } from 'node:net';
import { config } from 'chai';
import type { RootHookObject } from 'mocha';

/**
 * Root hooks of every mocha run: what nobody awaited fails the run, and so does what nobody closed.
 * Mocha runs without `--exit`, so a forgotten server, socket or timer keeps the process alive: the watchdog lists
 * it and fails. `TRACE_HANDLES=1` adds the stack that made each of them.
 */
export const mochaHooks: RootHookObject = {
  beforeAll() {
    config.truncateThreshold = 0;
    // Mocha swallows rejections that are not its own; thrown from here they fail the test that runs.
    process.on('unhandledRejection', (reason) => {
      throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
    });
    process.on('warning', (warning) => {
      if (warning.name === 'MaxListenersExceededWarning') throw warning;
    });
  },
  afterAll() {
    process.on('uncaughtException', (error) => {
      fail(`thrown after the last test: ${error.stack ?? error.message}`);
    });
    watch(graceSeconds);
  },
};

/** How long servers and sockets may take to close after the last test. */
const graceSeconds = 5;

const stacks = new Map<number, { readonly type: string; readonly stack: string; readonly resource: WeakRef<object> }>();
if (process.env.TRACE_HANDLES) traceHandles();

/** Second by second, so that a clean-up that blocks for long counts as one. */
function watch(seconds: number): void {
  if (seconds === 0) fail(`the process stays alive, for these are still open:\n${openHandles()}`);
  else setTimeout(() => watch(seconds - 1), 1000).unref();
}

function fail(message: string): void {
  process.stderr.write(`\n${message}\n`);
  // Mocha sets the exit code in an exit listener of its own; this one runs after it.
  process.on('exit', () => {
    process.exitCode = 1;
  });
  process.exit(1);
}

function openHandles(): string {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  const lines = [...counts].map(([type, count]) => `  ${count} × ${type}`);
  for (const handle of activeHandles()) {
    if (handle instanceof Socket && handle.localPort !== undefined) {
      lines.push(`  socket ${handle.localPort} → ${handle.remotePort ?? '?'}`);
    }
  }
  for (const { type, stack, resource } of stacks.values()) {
    const held = resource.deref();
    const isOpen =
      held && (!('hasRef' in held) || typeof held.hasRef !== 'function' || held.hasRef.call(held) === true);
    if (isOpen) lines.push(`  ${type} made${stack}`);
  }
  return lines.join('\n');
}

function activeHandles(): readonly unknown[] {
  // Undocumented, and the one way to tell which socket it is.
  const inner = process as unknown as { _getActiveHandles?(): unknown[] };
  return inner._getActiveHandles?.() ?? [];
}

function traceHandles(): void {
  const dull = new Set(['PROMISE', 'TickObject', 'Immediate', 'RANDOMBYTESREQUEST', 'FSREQCALLBACK', 'FSREQPROMISE']);
  createHook({
    init(id, type, _trigger, resource) {
      if (dull.has(type)) return;
      const frames = (new Error().stack ?? '')
        .split('\n')
        .slice(2)
        .filter((line) => !/node:|node_modules/.test(line));
      if (frames.length > 0)
        stacks.set(id, { type, stack: `\n${frames.slice(0, 5).join('\n')}`, resource: new WeakRef(resource) });
    },
    destroy(id) {
      stacks.delete(id);
    },
  }).enable();
}
