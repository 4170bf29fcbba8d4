export { ConnectRefusedError, connect, refusal, tryConnect } from './connect';
export type { Closed, ReceivedMessage, TestClient, WaitOptions } from './test-client';
export type { ConnectOptions, Refusal } from './connect';
export type { ReceivedFrame } from './frame-queue';
