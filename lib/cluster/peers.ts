import type { NodeId } from './brokers/broker';
import type { PageBudget } from './seen-window';
import { ClockOffset } from './clock-offset';
import { SeenWindow } from './seen-window';

/** More than a cluster has; a forger of node ids must not fill the memory. */
const MAX_PEERS = 4096;
/** 16 MiB of seen-windows. */
const MAX_PAGES = 32_768;
const MIN_KEEP_MS = 60_000;
/** A window must outlive the oldest frame that is still let in. */
const KEEP_PER_AGE = 2;

/** What is known of another node. */
export class Peer {
  readonly node: NodeId;
  /** What it sent to all. */
  readonly toAll: SeenWindow;
  /** What it sent to this node alone. */
  readonly toUs: SeenWindow;
  readonly clock = new ClockOffset();
  heardAt = 0;
  /** It said goodbye; kept, since its frames may still come a second time. */
  hasLeft = false;
  /** Told once per node. */
  hasToldSkew = false;

  constructor(node: NodeId, keepMs: number, budget: PageBudget) {
    this.node = node;
    this.toAll = new SeenWindow(keepMs, budget);
    this.toUs = new SeenWindow(keepMs, budget);
  }

  /** The window of a route: to that one node, or to all. */
  windowOf(to: NodeId | undefined): SeenWindow {
    return to === undefined ? this.toAll : this.toUs;
  }

  /** Frames that have been missing for longer than `maxAgeMs`. */
  takeMissing(now: number, maxAgeMs: number): number {
    return this.toAll.takeMissing(now, maxAgeMs) + this.toUs.takeMissing(now, maxAgeMs);
  }
}

/** The other nodes, as far as they were heard. */
export class Peers {
  readonly #peers = new Map<NodeId, Peer>();
  readonly #budget: PageBudget = { free: MAX_PAGES };
  readonly #keepMs: number;

  constructor(relayMaxAgeMs: number) {
    this.#keepMs = Math.max(MIN_KEEP_MS, relayMaxAgeMs * KEEP_PER_AGE);
  }

  /** How many have not said goodbye. */
  get size(): number {
    let size = 0;
    for (const peer of this.#peers.values()) if (!peer.hasLeft) size += 1;
    return size;
  }

  /** The peer of that id, when it is known. */
  find(node: NodeId): Peer | undefined {
    return this.#peers.get(node);
  }

  /** The peer of that id; a new one takes the place of the one that has been silent longest when there are too many. */
  get(node: NodeId, now: number): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      if (this.#peers.size >= MAX_PEERS) this.#forget(this.#mostSilent());
      peer = new Peer(node, this.#keepMs, this.#budget);
      this.#peers.set(node, peer);
    }
    peer.heardAt = now;
    return peer;
  }

  /** Tells what went missing, and forgets nodes that have been silent for longer than a window is kept. */
  sweep(now: number, maxAgeMs: number, handleMissing: (node: NodeId, missing: number) => void): void {
    for (const peer of this.#peers.values()) {
      const missing = peer.takeMissing(now, maxAgeMs);
      if (missing > 0) handleMissing(peer.node, missing);
      if (now - peer.heardAt > this.#keepMs) this.#forget(peer);
    }
  }

  #forget(peer: Peer | undefined): void {
    if (peer === undefined) return;
    peer.toAll.release();
    peer.toUs.release();
    this.#peers.delete(peer.node);
  }

  #mostSilent(): Peer | undefined {
    let found: Peer | undefined;
    for (const peer of this.#peers.values()) if (found === undefined || peer.heardAt < found.heardAt) found = peer;
    return found;
  }
}
