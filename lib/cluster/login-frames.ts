import type { EndRenewal } from '../model/renewal';
import type { Revocation } from '../model/revocation';
import { isCount, isFields, isName, readScope } from './relay-check';

/** How many revocations one frame carries at most: about 128 KiB. */
const MAX_PER_FRAME = 1000;

/** Splits a list over the contents of frames; an empty list is one frame, too. */
export function revocationContents(revocations: readonly Revocation[]): string[] {
  const contents: string[] = [];
  for (let from = 0; from < Math.max(1, revocations.length); from += MAX_PER_FRAME) {
    contents.push(JSON.stringify(revocations.slice(from, from + MAX_PER_FRAME)));
  }
  return contents;
}

/** Reads the content of a `revoke`; `undefined` when anything of it does not fit. Never throws. */
export function readRevocations(text: string, multiTenant: boolean): readonly Revocation[] | undefined {
  const answer = readAnswer(text, multiTenant);
  return answer?.isWhole === true ? answer.revocations : undefined;
}

/** What an answer tells. */
export interface ReadAnswer {
  readonly revocations: readonly Revocation[];
  /** False when some of it did not fit and was passed over. */
  readonly isWhole: boolean;
}

/**
 * Reads the content of an `answer`; `undefined` when it is no list. One entry that does not fit costs no other: a node
 * that starts would let in all that was revoked. Never throws.
 */
export function readAnswer(text: string, multiTenant: boolean): ReadAnswer | undefined {
  const list = parse(text);
  if (!Array.isArray(list) || list.length > MAX_PER_FRAME) return undefined;
  const revocations = (list as readonly unknown[])
    .map((entry) => (isFields(entry) ? readRevocation(entry, multiTenant) : undefined))
    .filter((each) => each !== undefined);
  return { revocations, isWhole: revocations.length === list.length };
}

/** Reads one revocation, as a store kept it; `undefined` when it does not fit. Never throws. */
export function readKeptRevocation(text: string, multiTenant: boolean): Revocation | undefined {
  const fields = parse(text);
  return isFields(fields) ? readRevocation(fields, multiTenant) : undefined;
}

/** Reads the content of a `renew`; `undefined` when anything of it does not fit. Never throws. */
export function readRenewal(text: string, multiTenant: boolean): EndRenewal | undefined {
  const fields = parse(text);
  if (!isFields(fields)) return undefined;
  const { sessionId, tenant, userType, userId, expiresAtMs, tokenId, issuedAtMs } = fields;
  if (!isName(sessionId) || !isName(userType) || !isName(userId) || !isTime(expiresAtMs)) return undefined;
  if (typeof tenant !== 'string' || (tenant !== '') !== multiTenant) return undefined;
  if (tokenId !== undefined && !isName(tokenId)) return undefined;
  if (issuedAtMs !== undefined && !isTime(issuedAtMs)) return undefined;
  return {
    ...{ sessionId, tenant, userType, userId, expiresAtMs },
    ...(tokenId === undefined ? {} : { tokenId }),
    ...(issuedAtMs === undefined ? {} : { issuedAtMs }),
  };
}

function readRevocation(fields: Readonly<Record<string, unknown>>, multiTenant: boolean): Revocation | undefined {
  const { kind, untilMs, userType, id, issuedBeforeMs, tokenId } = fields;
  const scope = readScope(fields['scope'], multiTenant);
  if (scope === undefined || !isCount(untilMs)) return undefined;
  if (kind === 'token') return isName(tokenId) ? { kind, scope, tokenId, untilMs } : undefined;
  if (kind !== 'user' || !isName(userType) || !isName(id) || !isCount(issuedBeforeMs)) return undefined;
  return { kind, scope, userType, id, issuedBeforeMs, untilMs };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
