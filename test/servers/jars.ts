import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { missingProgram } from './server';

const run = promisify(execFile);
const cacheFolder = resolve(__dirname, '../../.cache/jars');

/** What a JVM broker of `pom` lacks on this machine, or undefined. Maven is needed only for the first download. */
export function missingForJars(pom: string): string | undefined {
  const noJava = missingProgram('java', 'openjdk-17-jre-headless');
  if (noJava !== undefined) return noJava;
  return existsSync(folderFor(pom)) ? undefined : missingProgram('mvn', 'maven');
}

/**
 * The folder with the jars that a pom beside this file names, downloaded by Maven at the first call and then kept in
 * `.cache/jars`, by a hash of the pom.
 */
export async function fetchJars(pom: string): Promise<string> {
  const folder = folderFor(pom);
  if (existsSync(folder)) return folder;
  mkdirSync(cacheFolder, { recursive: true });
  const loading = `${folder}-${process.pid}`;
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${loading}`];
  try {
    await run('mvn', ['-q', '-B', '-f', join(__dirname, pom), ...goal], { timeout: 300_000 });
    // Renamed when it is whole, so that a cut download is never taken for a cache.
    if (!existsSync(folder)) renameSync(loading, folder);
  } finally {
    rmSync(loading, { recursive: true, force: true });
  }
  return folder;
}

function folderFor(pom: string): string {
  const hash = createHash('sha256')
    .update(readFileSync(join(__dirname, pom)))
    .digest('hex');
  return join(cacheFolder, `${pom.replace(/-pom\.xml$/, '')}-${hash.slice(0, 16)}`);
}

/** Flags for a small JVM on a small machine: less memory, one compiler tier, no shared performance file. */
export const smallJvm = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'] as const;
