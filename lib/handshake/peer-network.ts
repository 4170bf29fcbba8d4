import { isIPv6 } from 'node:net';

/**
 * Tells under which name a peer is counted: an IPv4 address as it is, an IPv6 address by its network of 64 bits, since
 * every host has 2^64 addresses of its own there (RFC 6177 §2).
 *
 * IPv4 in IPv6 form counts as IPv4, so that it does not matter how a dual-stack server or a proxy spells it: mapped
 * (RFC 4291 §2.5.5.2), and translated where the server has no IPv4 (RFC 6052 §2.1).
 *
 * @param address as a socket or a proxy gave it; what is no IP address is its own name.
 */
export function peerNetwork(address: string): string {
  // On one link all hosts share a network: an address with a zone, or for the link alone, stands for itself.
  if (!isIPv6(address) || address.includes('%') || /^fe[89ab]/i.test(address)) return address;
  const groups = groupsOf(address);
  const [high = 0, low = 0] = groups.slice(6);
  const prefix = groups.slice(0, 6).join(':');
  if (prefix === MAPPED || prefix === TRANSLATED) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

// Joined in decimal, as the groups are.
const MAPPED = [0, 0, 0, 0, 0, 0xffff].join(':');
const TRANSLATED = [0x64, 0xff9b, 0, 0, 0, 0].join(':');

/** The eight groups of an IPv6 address, whatever way it is written. */
function groupsOf(address: string): number[] {
  const [before = '', after] = address.split('::');
  const left = parseGroups(before);
  if (after === undefined) return left;
  const right = parseGroups(after);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function parseGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap(parseGroup);
}

function parseGroup(group: string): number[] {
  if (!group.includes('.')) return [Number.parseInt(group, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}
