import cluster from 'node:cluster';

let isTold = false;

/** Warns once when this process seems to be one of several, and nothing carries pushes between them. */
export function warnOfSeveralProcesses(): void {
  if (isTold || !isOneOfSeveral()) return;
  isTold = true;
  process.emitWarning(
    'express-realtime: this process seems to be one of several (node:cluster or NODE_APP_INSTANCE), and without a ' +
      'broker pushes reach the sockets of one process only: give option broker',
    { code: 'ERR_REALTIME_BROKER_SETUP' },
  );
}

/** pm2 numbers instances from 0, which may be the only one; the second tells. */
function isOneOfSeveral(): boolean {
  const instance = process.env['NODE_APP_INSTANCE'] ?? '';
  return cluster.isWorker || (instance !== '' && instance !== '0');
}
