import type { Peer, PeerName } from './peer';
import { startBareWs } from './bare-ws';
import { startExpressWs } from './express-ws';
import { startFastify } from './fastify';
import { startOurs } from './ours';
import { startPreframed } from './preframed';
import { startSocketIo } from './socket-io';

/** How each peer is started; port 0 = any. */
export const PEERS: Readonly<Record<PeerName, (port: number) => Promise<Peer>>> = {
  ours: startOurs,
  ws: startBareWs,
  preframed: startPreframed,
  'express-ws': startExpressWs,
  fastify: startFastify,
  'socket.io': startSocketIo,
};
