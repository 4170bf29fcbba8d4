export { RealtimeError } from './model/errors';
export type { RealtimeErrorCode } from './model/errors';
