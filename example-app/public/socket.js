import { connect as connectRealtime } from '/realtime/client.js';

/**
 * The app's one WebSocket, by the client that the server ships. What is added here: a page that may disconnect and
 * connect again with the same handlers, and the difference between a refused login and a server that is away.
 *
 * Statuses: `closed` (not wanted), `connecting`, `open`, `waiting` (between two tries), `refused` (over: log in again).
 *
 * @param {object} options
 * @param {string} options.url address of the WebSocket.
 * @param {() => string} options.token asked for at every try. It travels as a subprotocol, so it stands in no URL.
 * @param {() => Promise<boolean>} options.isLoginValid asked before a try that follows a lost connection: a browser
 *   does not tell a refused handshake from a server that is away.
 */
export function createSocket({ url, token, isLoginValid }) {
  const handlers = [];
  const statusHandlers = new Set();
  let client = null;
  let status = 'closed';
  let wasLost = false;

  function connect() {
    if (status !== 'closed' && status !== 'refused') return;
    client = connectRealtime(url, { token: validToken, offline: 'reject' });
    for (const [type, handler] of handlers) client.on(type, handler);
    client.onStatus(({ status: next, end }) => setStatus(isRefusal(next, end) ? 'refused' : next, end?.code));
    setStatus('connecting');
  }

  /** An empty one says that nobody is logged in: the client stops. */
  async function validToken() {
    return !wasLost || (await isLoginValid()) ? token() : '';
  }

  function setStatus(next, code) {
    if (next === status) return;
    status = next;
    if (status !== 'connecting') wasLost = status === 'waiting';
    for (const handler of statusHandlers) handler(status, code);
  }

  return {
    url,
    connect,

    disconnect() {
      client?.close();
    },

    get status() {
      return status;
    },

    /** Calls the handler with the status now and at each change; a close code stands beside where there was one. */
    onStatus(handler) {
      statusHandlers.add(handler);
      handler(status);
    },

    /** Calls the handler with the content of every message of a type, one by one. */
    on(type, handler) {
      handlers.push([type, handler]);
      client?.on(type, handler);
    },

    /** Sends a message; the promise is the answer of the server's handler. */
    send(type, content) {
      return client?.request(type, content) ?? Promise.reject(new Error('there is no connection'));
    },
  };
}

/** Closed, and not because this page wanted it. */
function isRefusal(status, end) {
  return status === 'closed' && end.code !== 1000;
}
