import { spawn } from 'node:child_process';

/** What a command said; both streams in the order in which they came. */
export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
}

/** How to run a command; `env` is added to this process's own environment. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Kills the command after this long; default 2 minutes. */
  readonly timeoutMs?: number;
  /** Told each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/**
 * Runs a command to its end, without standard input. Never rejects for a failed command: `code` tells.
 * What this process runs under (loaders, coverage, npm's package variables) is not passed on.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { cwd, env = {}, timeoutMs = 120_000, onOutput } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...cleanEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that what it started ends with it.
      detached: true,
    });
    const endGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Everything in it has ended.
      }
    };
    const timer = setTimeout(endGroup, timeoutMs);
    process.on('exit', endGroup);
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
      onOutput?.(chunk.toString());
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', endGroup);
      resolve({ code, output: signal ? `${output}\nended by ${signal} (limit ${timeoutMs} ms)` : output });
    });
  });
}

/** As {@link runCommand}, but rejects with the output when the command fails. */
export async function runOrThrow(command: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, output } = await runCommand(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${output}`);
  return output;
}

function cleanEnv(): NodeJS.ProcessEnv {
  const own = /^(NODE_OPTIONS|NODE_V8_COVERAGE|npm_(package|lifecycle)_.*|npm_config_local_prefix)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
