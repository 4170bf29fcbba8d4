export * from './rabbitmq.js';
