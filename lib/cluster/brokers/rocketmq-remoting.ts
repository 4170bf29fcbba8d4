import { connect, type Socket } from 'node:net';
import { RealtimeError } from '../../model/errors';

/** One request of RocketMQ's remoting protocol, as brokers and name servers speak it. */
export interface RocketmqRequest {
  /** `RequestCode.java`. */
  readonly code: number;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

export interface RocketmqReply {
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Sends one request over a connection of its own.
 *
 * @param address `host:port`.
 * @throws ERR_REALTIME_BROKER_SETUP when nobody answers in time, or the answer is a refusal; its text says why.
 */
export async function callRocketmq(address: string, request: RocketmqRequest): Promise<RocketmqReply> {
  const { header, body } = await exchange(address, request.timeoutMs ?? 5000, encode(request));
  if (header.code === 0) return { fields: header.extFields ?? {}, body };
  throw setupError(`RocketMQ at ${address} refused: ${header.remark ?? `code ${header.code}`}`);
}

interface Frame {
  readonly header: { readonly code: number; readonly remark?: string; readonly extFields?: Record<string, string> };
  readonly body: Buffer;
}

/** `length, header length, JSON header, body`; the header length's first byte is its format, 0 = JSON. */
function encode({ code, fields = {}, body = Buffer.alloc(0) }: RocketmqRequest): Buffer {
  const fixed = { language: 'OTHER', version: 0, opaque: 1, flag: 0, serializeTypeCurrentRPC: 'JSON' };
  const header = Buffer.from(JSON.stringify({ ...fixed, code, extFields: fields }));
  const lengths = Buffer.alloc(8);
  lengths.writeInt32BE(4 + header.length + body.length, 0);
  lengths.writeInt32BE(header.length, 4);
  return Buffer.concat([lengths, header, body]);
}

/** The frame, or undefined while bytes are missing. */
function decode(bytes: Buffer): Frame | undefined {
  if (bytes.length < 8) return undefined;
  const end = 4 + bytes.readInt32BE(0);
  if (bytes.length < end) return undefined;
  const bodyAt = 8 + (bytes.readInt32BE(4) & 0xffffff);
  // The broker's own JSON; only code, remark and fields are read.
  const header = JSON.parse(bytes.toString('utf8', 8, bodyAt)) as Frame['header'];
  return { header, body: bytes.subarray(bodyAt, end) };
}

function exchange(address: string, timeoutMs: number, request: Buffer): Promise<Frame> {
  return new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(':');
    const socket: Socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(setupError(`no RocketMQ answers at ${address} (${reason}); a broker listens on 10911 as installed`));
    };
    const timer = setTimeout(() => fail(`nothing within ${timeoutMs} ms`), timeoutMs);
    let received = Buffer.alloc(0);
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('connection closed'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const frame = decode(received);
      if (!frame) return;
      clearTimeout(timer);
      socket.removeAllListeners('close').destroy();
      resolve(frame);
    });
    socket.write(request);
  });
}

function setupError(message: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_BROKER_SETUP', message);
}
