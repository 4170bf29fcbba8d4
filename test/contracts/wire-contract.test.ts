import { startApp } from '../support/app-server';
import { itSpeaksTheWire } from './wire-contract';

describe('wire contract', () => itSpeaksTheWire(startApp));
