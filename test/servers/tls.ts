import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingProgram, tempFolder, writeLines } from './server';

/** What is missing to make certificates here, and how to install it; undefined when everything is there. */
export const missingTls = (): string | undefined => missingProgram('openssl', 'openssl');

/** A certificate for 127.0.0.1 and localhost, and the authority that signed it. */
export interface TlsFiles {
  /** Deleted by the caller. */
  readonly folder: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly ca: Buffer;
}

/** Makes an authority and a certificate of its own, good for a day. */
export function makeTlsFiles(): TlsFiles {
  const folder = tempFolder('tls');
  const run = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '1', '-subj', '/CN=test authority');
  run('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeLines(join(folder, 'extensions'), ['subjectAltName=DNS:localhost,IP:127.0.0.1']);
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions', '-days', '1'];
  run('x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signing);
  const caFile = join(folder, 'ca.crt');
  const [certFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  return { folder, caFile, certFile, keyFile, ca: readFileSync(caFile) };
}
