import { chmodSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { TestServer, freePort, missingProgram, tempFolder, writeLines } from './server';

/** What is missing to run nginx here, and how to install it; undefined when everything is there. */
export const missingNginx = (): string | undefined => missingProgram('nginx', 'nginx');

/** A real nginx in front of processes of 127.0.0.1. */
export interface NginxServer {
  /** Where clients connect. */
  readonly url: string;
  readonly server: TestServer;
  /** Which request went where: method, path, status, upstream addresses and their statuses. */
  accessLog(): string;
  stop(): Promise<void>;
}

/**
 * Starts nginx on the site that ships with the example app, with its address and its upstream ports replaced.
 *
 * @param siteFile configuration for inside `http { }`, with one `listen 127.0.0.1:<port>` and a line
 *   `server 127.0.0.1:<port> …` for each of `upstreamPorts`.
 */
export async function startNginx(siteFile: string, upstreamPorts: readonly number[]): Promise<NginxServer> {
  const port = await freePort();
  const folder = tempFolder('nginx');
  // Started by root, its workers are somebody else.
  chmodSync(folder, 0o755);
  writeLines(join(folder, 'site.conf'), [siteOn(port, upstreamPorts, readFileSync(siteFile, 'utf8'))]);
  const main = writeLines(join(folder, 'nginx.conf'), [
    'daemon off;',
    'pid nginx.pid;',
    'error_log error.log info;',
    'worker_processes 1;',
    'events { worker_connections 4096; }',
    'http {',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${name};`),
    '  include site.conf;',
    '}',
  ]);
  const server = await TestServer.start({
    ...{ name: 'nginx', command: 'nginx', args: ['-p', folder, '-c', main, '-e', join(folder, 'error.log')], folder },
    isReady: () => canConnect(port),
  });
  return {
    ...{ url: `http://127.0.0.1:${port}`, server },
    accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
    stop: () => server.stop(),
  };
}

function siteOn(port: number, upstreamPorts: readonly number[], site: string): string {
  const ports = [...upstreamPorts];
  const replaced = site
    .replace(/listen 127\.0\.0\.1:\d+;/, `listen 127.0.0.1:${port};`)
    .replace(/access_log \S+ without_query;/, 'access_log access.log tested;')
    .replaceAll(/^( *server 127\.0\.0\.1:)\d+/gm, (_line, start: string) => `${start}${ports.shift() ?? 0}`);
  if (replaced.includes(`127.0.0.1:0`) || ports.length > 0) {
    throw new Error(`the site must name ${upstreamPorts.length} upstream servers`);
  }
  const format = '"$request_method $uri" $status via $upstream_addr: $upstream_status';
  return `log_format tested '${format}';\n${replaced}`;
}

function canConnect(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
