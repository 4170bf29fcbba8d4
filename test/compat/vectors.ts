import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A frame as the recording shows it: whole, or for long ones its size and how it begins. */
export interface RecordedFrame {
  readonly op: 'text' | 'continuation' | 'close' | 'pong';
  /** False = more fragments follow. */
  readonly fin?: false;
  /** True = compressed. */
  readonly rsv1?: true;
  readonly text?: string;
  readonly bytes?: number;
  readonly startsWith?: string;
  readonly inflated?: string;
  readonly describe?: string;
  readonly code?: number | null;
  readonly reason?: string;
}

/** What one socket got. */
export interface SocketOutcome {
  readonly frames: readonly RecordedFrame[];
  readonly tcp: 'left open' | 'closed by server';
}

/** What a raw HTTP request was answered. */
export interface HandshakeOutcome {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  readonly tcpAfter900ms: SocketOutcome['tcp'];
}

export interface ServerCall {
  readonly type: string | null;
  readonly content?: unknown;
  readonly text?: string;
  readonly fixture?: string;
  readonly sessionId?: string;
  readonly sessionOf?: string;
  readonly userType?: number;
  readonly userId?: number;
}

export interface Step {
  readonly socket?: string;
  readonly send?: 'text' | 'raw' | 'close' | 'tcp-cut';
  readonly text?: string;
  readonly bytes?: number;
  readonly startsWith?: string;
  readonly describe?: string;
  readonly hexMask01020304?: string;
  readonly code?: number;
  readonly waitMs?: number;
  readonly serverCall?: ServerCall;
  readonly contextTenant?: number | null;
}

interface CaseCommon {
  readonly id: string;
  readonly area: string;
  readonly name: string;
  readonly senders: readonly string[];
}

/** A raw HTTP request and its answer. */
export interface HandshakeCase extends CaseCommon {
  readonly request: { readonly line: string; readonly headers: readonly string[] };
  readonly expect: HandshakeOutcome;
}

/** Sockets, what was done, and what each of them got. */
export interface SocketCase extends CaseCommon {
  readonly sockets: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  readonly expect: Readonly<Record<string, SocketOutcome>>;
  readonly callResult?: { readonly ok: boolean };
}

interface Vectors {
  readonly tokens: Readonly<Record<string, unknown>>;
  readonly cases: readonly (HandshakeCase | SocketCase)[];
}

/** The recording as it is: kept byte for byte, so the format scripts leave it alone. */
export const VECTORS = JSON.parse(readFileSync(join(__dirname, 'yudao-vectors.json'), 'utf8')) as Vectors;

/** What one process did without a broker: these are replayed. */
export const LOCAL_CASES = VECTORS.cases.filter(({ senders }) => senders.includes('local'));

/** What was recorded on Redis and RabbitMQ: the wire between processes, which is our own here. */
export const BROKER_CASES = VECTORS.cases.filter(({ senders }) => !senders.includes('local'));

export function isHandshake(row: HandshakeCase | SocketCase): row is HandshakeCase {
  return 'request' in row;
}
