import type { FrameReceiver } from './intake';
import type { Hub } from '../session/hub';
import type { Revocations } from '../session/revocations';
import { Outgoing } from '../wire/outgoing';
import { renewEnd } from '../session/renew-end';

/**
 * Passes frames of other nodes to the sessions of this process.
 *
 * The content comes from the broker: on the plain wire it is written as a string, which nothing can break out of, but
 * v1 embeds it as it is, where text that is no JSON could forge fields of the message around it, and on either wire
 * the client's own parser would throw. So it is checked with `JSON.parse` (about 1 µs for 250 bytes), once, and only
 * when somebody is here to get it: most frames of a large cluster find nobody on most nodes, and those are not even
 * decoded.
 */
export function hubReceiver(hub: Hub, revocations: Revocations): FrameReceiver {
  return {
    deliver({ addressed, type }, readContent) {
      let outgoing: Outgoing | undefined;
      let isJson = true;
      hub.forEach(addressed, (session) => {
        if (outgoing === undefined && isJson) {
          const text = readContent();
          isJson = canParse(text);
          if (isJson) outgoing = new Outgoing(type, text);
        }
        if (outgoing !== undefined) session.deliver(outgoing);
      });
      return isJson;
    },
    disconnect({ addressed, close }) {
      // A list of its own: closing may change the hub.
      for (const session of hub.list(addressed)) if (session.isOpen) session.end('app', close.code, close.reason);
    },
    revoke(list) {
      revocations.apply(list);
    },
    revoked: () => revocations.list(),
    renew(renewal) {
      renewEnd(hub, revocations, renewal);
    },
  };
}

function canParse(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
