import { RealtimeError } from '../../model/errors';

/**
 * Loads the package of a broker, where it is first needed.
 *
 * @param load calls `require` with the literal name, so that bundlers see it.
 * @throws ERR_REALTIME_BROKER_SETUP naming the package to install, when it is not there.
 */
export function loadDriver<T>(packageName: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw new RealtimeError(
      'ERR_REALTIME_BROKER_SETUP',
      `This broker needs the package ${packageName}, which ${isMissing(error) ? 'is not installed' : 'cannot be loaded'}: npm install ${packageName}`,
      { cause: error },
    );
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
