/** Throws anything, as an application may. */
export function raise(thrown: unknown): never {
  throw thrown;
}
