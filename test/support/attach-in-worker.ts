// Run by node:cluster: attaches, and tells what it was warned of.
import { createServer } from 'node:http';
import express from 'express';
import { attachRealtime } from '../../lib/index';

process.on('warning', ({ message }) => process.send?.(message, () => process.exit()));
attachRealtime(createServer(express()), { authenticate: () => null });
