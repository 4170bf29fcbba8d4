import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { RealtimeEvent } from '../model/events';
import type { LoginUser } from '../model/login-user';
import { isThenable } from '../model/thenable';
import type { LoginOutcome } from './authenticator';
import { enter } from './entry';
import type { Entry } from './entry';
import type { ExpressLikeRequest } from './express-requests';
import { asError } from './fault';
import type { Gate, Undecided } from './gate';
import { finishLogin, startLogin } from './login';
import { emitClosed, emitFinished, runMiddleware, writeDetachedHead } from './middleware';
import { closeSoon, hasUnansweredRequest, ignoreError, isRefusal, refuse } from './refuse';
import type { Refusal } from './refuse';
import { redeemTicket } from './ticket-login';
import { UpgradeResponse } from './upgrade-response';
import { faultVerdict, judge, middlewareVerdict, ticketVerdict } from './verdict';
import type { Verdict } from './verdict';

const AUTH_TIMEOUT: Refusal = { status: 503, why: 'auth-timeout', hint: 'no decision within authTimeoutMs' };
const REVOKED: Refusal = { status: 401, why: 'revoked', hint: 'the login was revoked: sender.revoke()' };
const FORBIDDEN: Refusal = { status: 403, why: 'forbidden', hint: 'toLoginUser gave null' };
const GONE: RealtimeEvent = {
  name: 'handshake.refused',
  status: 0,
  why: 'gone',
  hint: 'the peer went away before it was let in',
};
/** A strategy that redirects or answers: what it says is for pages. */
const ANSWERED: LoginOutcome = {
  kind: 'nobody',
  hasBadCredentials: true,
  detail: 'the strategy answered or redirected instead of deciding',
};

/** Answers one upgrade request for this door: a WebSocket or a refusal, once. Never throws. */
export function handleUpgrade(gate: Gate, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  // First of all: a reset during an async login would end the process otherwise.
  socket.on('error', ignoreError);
  if (hasUnansweredRequest(socket)) {
    // Pipelined behind a request whose answer is still to come on this socket: there is no place for ours.
    socket.destroy();
    return;
  }
  gate.queue.add(() => new Upgrade(gate, req, socket, head).start());
}

/** One upgrade request on its way. Nothing of it is kept once it is decided. */
class Upgrade implements Undecided {
  readonly #gate: Gate;
  readonly #req: ExpressLikeRequest;
  readonly #socket: Duplex;
  readonly #head: Buffer;
  readonly #response: UpgradeResponse;
  /** The place that it has among those on their way, once it has one. */
  #entry: Entry | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasOutcome = false;
  #isDecided = false;

  constructor(gate: Gate, req: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#gate = gate;
    this.#req = req;
    this.#socket = socket;
    this.#head = head;
    this.#response = new UpgradeResponse(req, socket, gate.express);
  }

  start(): void {
    this.#guard(() => {
      const entry = enter(this.#gate, this.#req);
      if (isRefusal(entry)) {
        this.#refuse(entry);
        return;
      }
      this.#entry = entry;
      if (this.#gate.settings.middleware.length > 0) this.#runMiddleware();
      else this.#authenticate();
    });
    // Most logins are decided by now: no timer for those.
    if (this.#isDecided) return;
    const { settings, undecided } = this.#gate;
    undecided.add(this);
    if (settings.authTimeoutMs === 0) return;
    this.#timer = setTimeout(() => this.end(AUTH_TIMEOUT), settings.authTimeoutMs);
  }

  end(refusal: Refusal): void {
    this.#guard(() => this.#refuse(refusal));
  }

  #runMiddleware(): void {
    const res = this.#response.open();
    res.once('finish', () => this.#guard(() => this.#handleAnswered(res)));
    runMiddleware(this.#gate.settings.middleware, this.#req, res, (error) => {
      this.#guard(() => {
        if (this.#isDecided) return;
        this.#response.detach(() => this.#handleOutcome(ANSWERED));
        if (error === undefined) this.#authenticate();
        else this.#apply(middlewareVerdict(error));
      });
    });
  }

  #authenticate(): void {
    this.#response.showTarget();
    const ticket = this.#entry?.credentials.ticket;
    if (ticket !== undefined) {
      this.#redeem(ticket);
      return;
    }
    const res = this.#response.forLogin(() => this.#handleOutcome(ANSWERED));
    try {
      this.#gate.authenticate(this.#req, res, (outcome) => this.#handleOutcome(outcome));
    } catch (error) {
      this.#handleOutcome({ kind: 'fault', error });
    }
  }

  #redeem(ticket: string): void {
    redeemTicket(this.#gate.settings, ticket, {
      // Once it is decided any refusal does: the ticket is given back, and nobody is told twice.
      check: (loginUser) => (this.#isDecided ? AUTH_TIMEOUT : this.#checkLogin(loginUser)),
      admit: (loginUser) => this.#guard(() => this.#admit(loginUser)),
      refuse: (refusal) => this.end(refusal),
    }).catch((error: unknown) => {
      this.#guard(() => {
        if (!this.#isDecided) this.#apply(ticketVerdict(error));
      });
    });
  }

  /** Takes the first outcome; what a strategy says after that changes nothing. */
  #handleOutcome(outcome: LoginOutcome): void {
    if (this.#hasOutcome || this.#isDecided) return;
    this.#hasOutcome = true;
    this.#guard(() => this.#apply(this.#judge(outcome)));
  }

  #judge(outcome: LoginOutcome): Verdict {
    return judge(outcome, this.#entry?.credentials.hasCarrier !== false, this.#gate.settings.anonymous);
  }

  #apply(verdict: Verdict): void {
    if (verdict.kind === 'refused') this.#refuse(verdict.refusal, verdict.error);
    else if (verdict.kind === 'guest') this.#admit(null);
    else this.#makeLogin(verdict.user, verdict.info);
  }

  #makeLogin(user: unknown, info: unknown): void {
    const input = startLogin(this.#gate.settings, user, this.#req, info);
    if (!isThenable(input)) {
      this.#finishLogin(input);
      return;
    }
    input.then(
      (loginUser) => this.#guard(() => this.#finishLogin(loginUser)),
      (error: unknown) => this.#guard(() => this.#apply(faultVerdict(error))),
    );
  }

  #finishLogin(input: unknown): void {
    if (this.#isDecided) return;
    if (input === null) this.#refuse(FORBIDDEN);
    else this.#admit(finishLogin(this.#gate.settings, input, this.#entry?.credentials.token));
  }

  #admit(loginUser: LoginUser | null): void {
    const { admission, acceptor, hooks } = this.#gate;
    const refusal = this.#checkLogin(loginUser);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    // Hooks of middleware run here: what they throw still gets an answer.
    const lines = this.#response.headerLines();
    const res = this.#decide();
    const socket = this.#socket;
    let made: WebSocket | undefined;
    try {
      acceptor.accept(this.#req, socket, this.#head, lines, (ws) => {
        made = ws;
        socket.off('error', ignoreError);
        admission.makeRoom(loginUser);
        hooks.onAdmitted({ ws, socket, loginUser });
      });
    } finally {
      this.#leave(made);
    }
    if (made === undefined) hooks.onEvent(GONE);
    if (res !== undefined) this.#tellHooks(() => (made === undefined ? emitClosed(res) : emitFinished(res)));
  }

  /** Gives the place back; with a `ws` its address is counted until that closes. */
  #leave(ws?: WebSocket): void {
    if (this.#entry !== undefined) this.#gate.admission.leave(this.#entry.address, ws);
  }

  #checkLogin(loginUser: LoginUser | null): Refusal | undefined {
    const { admission, hooks } = this.#gate;
    if (loginUser !== null && hooks.isRevoked?.(loginUser) === true) return REVOKED;
    return admission.checkLogin(loginUser);
  }

  #refuse(refusal: Refusal, error?: Error): void {
    if (this.#isDecided) return;
    const { hooks } = this.#gate;
    const { isAnswering } = this.#response;
    const res = this.#decide();
    this.#leave();
    // A middleware began an answer and never ended it: a second one would be read as part of it.
    if (isAnswering) this.#socket.destroy();
    else refuse(this.#socket, refusal.status);
    if (error !== undefined) hooks.onError(error);
    hooks.onEvent({ name: 'handshake.refused', ...refusal });
    if (res === undefined) return;
    this.#tellHooks(() => {
      writeDetachedHead(res, refusal.status);
      emitFinished(res);
    });
  }

  /** Runs hooks that middleware put on the response; the peer has its answer, so what they throw is only reported. */
  #tellHooks(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#gate.hooks.onError(asError(error, 'a middleware'));
    }
  }

  /** A middleware answered: its answer is the refusal. */
  #handleAnswered(res: ServerResponse): void {
    if (this.#isDecided) return;
    this.#decide();
    this.#leave();
    this.#socket.end();
    closeSoon(this.#socket);
    process.nextTick(emitClosed, res);
    const hint = 'a middleware of options.middleware answered';
    this.#gate.hooks.onEvent({ name: 'handshake.refused', status: res.statusCode, why: 'middleware', hint });
  }

  /**
   * Ends the waiting: from now on nobody else decides.
   *
   * @returns the response whose observers are to be told.
   */
  #decide(): ServerResponse | undefined {
    this.#isDecided = true;
    clearTimeout(this.#timer);
    this.#gate.undecided.delete(this);
    return this.#response.close();
  }

  /** Runs a step; what it throws is a fault of the login, or of ours, and never leaves this request. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (this.#isDecided) {
        this.#socket.destroy();
        this.#gate.hooks.onError(asError(error, 'the handshake'));
      } else this.#apply(faultVerdict(error));
    }
  }
}
