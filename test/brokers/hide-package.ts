import Module from 'node:module';

/** Runs with a package that cannot be found, as if it were not installed. */
export async function withoutPackage<T>(name: string, run: () => Promise<T>): Promise<T> {
  // Undocumented, and what every `require` goes through.
  const inner = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = inner._load;
  inner._load = (request, ...rest) => {
    if (request !== name) return load.call(inner, request, ...rest);
    throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
  };
  try {
    return await run();
  } finally {
    inner._load = load;
  }
}
