/**
 * Makes a clean copy of a driver's error: name, code and message, without what drivers hang on it
 * (a refused command with its arguments, the password among them) and with every secret blotted out.
 */
export function cleanFault(fault: unknown, secrets: readonly string[] = []): Error {
  const message = fault instanceof Error ? faultMessage(fault) : String(fault);
  const clean = new Error(hideSecrets(message, secrets));
  const code = faultCode(fault);
  return code === undefined ? clean : Object.assign(clean, { code });
}

/** The code that Node or a driver put on an error (`ECONNREFUSED`, `403`), if any. */
export function faultCode(fault: unknown): string | number | undefined {
  const code = (fault as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}

/** Blots every secret out of a text, as it is and as it stands in a URL; secrets of one character are left. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const secret of secrets) {
    if (secret.length < 2) continue;
    hidden = hidden.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***');
  }
  return hidden;
}

/** An AggregateError of a failed connect (one error per address) has no message of its own. */
function faultMessage(fault: Error): string {
  if (fault.message !== '') return fault.message;
  if (fault instanceof AggregateError) return fault.errors.map(String).join('; ');
  return fault.name;
}
