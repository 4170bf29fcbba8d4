export * from './rocketmq.js';
