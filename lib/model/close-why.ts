/**
 * Why a session ended, in words, beside the code on the wire: who decided.
 *
 * | why | who decided |
 * |---|---|
 * | `client` | the peer closed |
 * | `lost` | the line broke without a close frame |
 * | `app` | `session.close` or `sender.disconnect` |
 * | `replaced` | a newer session of the same user (`maxSessionsPerUser`) |
 * | `expired` | the login's end came |
 * | `revoked` | the login was revoked |
 * | `silent` | no sign of life for two heartbeats |
 * | `slow` | more than `maxBufferedBytes` waited for the peer |
 * | `flood` | the peer kept sending above its limits |
 * | `protocol` | the peer broke RFC 6455, sent binary, or a message above `maxPayloadBytes` |
 * | `shutdown` | the attach is closing |
 */
export type CloseWhy =
  | 'client'
  | 'lost'
  | 'app'
  | 'replaced'
  | 'expired'
  | 'revoked'
  | 'silent'
  | 'slow'
  | 'flood'
  | 'protocol'
  | 'shutdown';
