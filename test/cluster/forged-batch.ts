/** What a batch says of itself; what is not given is fit. */
export interface ForgedHeader {
  /** The first line up to the header's length. */
  readonly version?: string;
  readonly node?: string;
  readonly to?: string;
  readonly seq?: unknown;
  readonly at?: unknown;
  readonly bytes?: unknown;
  readonly frames?: unknown;
}

/** A broker message as anybody may write it, field by field, past the encoder. */
export function forgedBatch(given: ForgedHeader, ...frames: (readonly [fields: unknown, content: string])[]): Buffer {
  const { version = 'R1', node = 'node1', to = '*', ...fields } = given;
  const header = JSON.stringify({
    ...{ seq: 900_000, at: Date.now() },
    bytes: frames.map(([, content]) => Buffer.byteLength(content)),
    frames: frames.map(([frame]) => frame),
    ...fields,
  });
  const contents = frames.map(([, content]) => content).join('');
  return Buffer.from(`${version} ${node} ${to} ${Buffer.byteLength(header)}\n${header}\n${contents}`);
}
