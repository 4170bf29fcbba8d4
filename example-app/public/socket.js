/**
 * The app's one WebSocket. It logs in with the page's token, comes back by itself after an outage, and stops for good
 * when the server says that this login may not come back.
 */

const PROTOCOL = 'express-realtime.v1';
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** A connection that lived this long was a good one: the next outage starts again with short pauses. */
const STABLE_MS = 10_000;
const OPEN_TIMEOUT_MS = 10_000;
const PING_MS = 20_000;
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Statuses: `closed` (not wanted), `connecting`, `open`, `waiting` (between two tries), `refused` (over: log in again).
 *
 * @param {object} options
 * @param {string} options.url address of the WebSocket.
 * @param {() => string} options.token asked for at every try. It travels as a subprotocol, so it stands in no URL.
 * @param {() => Promise<boolean>} options.isLoginValid asked after a try that failed: a browser does not tell a
 *   refused handshake from a server that is away.
 */
export function createSocket({ url, token, isLoginValid }) {
  const handlers = new Map();
  const statusHandlers = new Set();
  const requests = new Map();
  const timers = new Map();
  let socket = null;
  let status = 'closed';
  let failures = 0;
  let lastId = 0;

  window.addEventListener('online', retryNow);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    if (status === 'open') ping();
    else retryNow();
  });

  function connect() {
    if (status !== 'closed' && status !== 'refused') return;
    failures = 0;
    open();
  }

  function disconnect() {
    forget(1000);
    setStatus('closed');
  }

  function open() {
    const opening = new WebSocket(url, [PROTOCOL, `bearer.${base64url(token())}`]);
    let wasOpen = false;
    socket = opening;
    setStatus('connecting');
    startTimer('open', OPEN_TIMEOUT_MS, () => lose());
    opening.onopen = () => {
      wasOpen = true;
      clearTimer('open');
      startTimer('stable', STABLE_MS, () => (failures = 0));
      startTimer('ping', PING_MS, ping);
      setStatus('open');
    };
    opening.onmessage = ({ data }) => receive(data);
    opening.onclose = ({ code }) => void comeBack(code, wasOpen);
  }

  /** The line is dead and nobody told us: waiting for the close event would take a minute. */
  function lose() {
    const wasOpen = status === 'open';
    forget();
    void comeBack(1006, wasOpen);
  }

  function forget(code) {
    for (const name of [...timers.keys()]) clearTimer(name);
    for (const { reject } of requests.values()) reject(new Error('The connection was lost.'));
    requests.clear();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    socket = null;
  }

  async function comeBack(code, wasOpen) {
    forget();
    if (isFinal(code)) return setStatus('refused', code);
    setStatus('waiting', code);
    failures += 1;
    // Full jitter: after a restart of the server its clients come back spread out, not all at once.
    const pauseMs = Math.random() * Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    startTimer('retry', pauseMs, open);
    if (wasOpen || (await isLoginValid()) || status === 'closed') return;
    forget();
    setStatus('refused', 4401);
  }

  function retryNow() {
    if (status !== 'waiting') return;
    clearTimer('retry');
    open();
  }

  function ping() {
    socket?.send('ping');
    startTimer('pong', ANSWER_TIMEOUT_MS, lose);
    startTimer('ping', PING_MS, ping);
  }

  function receive(text) {
    clearTimer('pong');
    if (text === 'pong') return;
    const { type, content, id } = JSON.parse(text);
    if (type === '$reply') return settle(id, ({ resolve }) => resolve(content));
    if (type === '$error') return settle(id, ({ reject }) => reject(new Error(content?.message ?? 'refused')));
    for (const handler of handlers.get(type) ?? []) handler(content);
  }

  function settle(id, how) {
    const request = requests.get(id);
    requests.delete(id);
    clearTimer(`request ${id}`);
    if (request) how(request);
  }

  function setStatus(next, code) {
    status = next;
    for (const handler of statusHandlers) handler(status, code);
  }

  function startTimer(name, ms, action) {
    clearTimer(name);
    timers.set(name, setTimeout(action, ms));
  }

  function clearTimer(name) {
    clearTimeout(timers.get(name));
    timers.delete(name);
  }

  return {
    url,
    connect,
    disconnect,

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
      handlers.set(type, [...(handlers.get(type) ?? []), handler]);
    },

    /** Sends a message; the promise is the answer of the server's handler. */
    send(type, content) {
      if (status !== 'open') return Promise.reject(new Error('Not connected.'));
      const id = (lastId += 1);
      return new Promise((resolve, reject) => {
        requests.set(id, { resolve, reject });
        startTimer(`request ${id}`, ANSWER_TIMEOUT_MS, () =>
          settle(id, () => reject(new Error('The server did not answer.'))),
        );
        socket.send(JSON.stringify({ type, id, content }));
      });
    },
  };
}

/** 44xx means: do not come back as you are; too slow (4408) and too many (4429) may, after a pause. */
function isFinal(code) {
  return code >= 4400 && code < 4500 && code !== 4408 && code !== 4429;
}

function base64url(text) {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
