import { Duplex } from 'node:stream';
import type { Producer } from 'rocketmq-client-nodejs';

/** Over which a client tells the proxy its settings, and hears what the proxy thinks of them. */
export type SettingsStream = ReturnType<Producer['createTelemetryStream']>;

/** The settings streams of both clients: the driver reopens one that broke after 1 s, also after its shutdown. */
export class SettingsStreams {
  readonly #handleFault: (fault: Error) => void;
  readonly #open = new Set<SettingsStream>();
  #isEnded = false;

  constructor(handleFault: (fault: Error) => void) {
    this.#handleFault = handleFault;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  make(open: () => SettingsStream): SettingsStream {
    if (this.#isEnded) return deadStream();
    const stream = open();
    this.#open.add(stream);
    stream.on('error', (fault: Error) => {
      this.#open.delete(stream);
      if (!this.#isEnded) this.#handleFault(fault);
    });
    const removeAll = stream.removeAllListeners.bind(stream);
    // The driver takes all listeners off a stream that it lets go of; its late error would be uncaught.
    stream.removeAllListeners = (event) => removeAll(event).on('error', ignore);
    return stream;
  }

  end(): void {
    this.#isEnded = true;
    for (const stream of this.#open) {
      stream.removeAllListeners();
      stream.cancel();
    }
    this.#open.clear();
  }
}

/** Goes nowhere and never breaks, so that the driver has nothing to reopen. */
function deadStream(): SettingsStream {
  const stream = new Duplex({ objectMode: true, read: ignore, write: (_chunk, _encoding, done) => done() });
  // The driver only writes to it, listens and ends it.
  return stream as unknown as SettingsStream;
}

function ignore(): void {}
