import type { IncomingMessage, ServerResponse } from 'node:http';
import { CONTENT } from '../content';

/** The HTTP part that all peers share: a push by its path, and a request that does nothing, to be subtracted. */
export function pushRoute(
  toUser: (userId: number, content: object) => unknown,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    void answer(toUser, req, res);
  };
}

async function answer(
  toUser: (userId: number, content: object) => unknown,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const [, route, user] = (req.url ?? '').split('/');
  try {
    if (route === 'push') await toUser(Number(user), CONTENT);
    res.end('{}');
  } catch {
    res.writeHead(503).end();
  }
}
