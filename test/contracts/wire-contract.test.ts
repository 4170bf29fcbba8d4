import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CloseCode, MESSAGE_ERRORS } from '../../lib/index';
import { startApp } from '../support/app-server';
import { itSpeaksTheWire } from './wire-contract';

describe('wire contract', () => itSpeaksTheWire(startApp));

describe('PROTOCOL.md', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'lib', 'wire', 'PROTOCOL.md'), 'utf8');

  /** The cells of a table's rows, by the heading above it. */
  function rowsUnder(heading: string): string[][] {
    const section = page.split(`\n${heading}\n`)[1]?.split('\n#')[0] ?? '';
    const lines = section.split('\n').filter((line) => line.startsWith('|'));
    return lines.slice(2).map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }

  it('has the error codes of the server, each as retryable as there', () => {
    const written = rowsUnder('### Errors').map(([code, retryable]) => [code, retryable]);
    const built = Object.entries(MESSAGE_ERRORS).map(([code, { retryable }]) => [
      `\`${code}\``,
      retryable ? 'yes' : 'no',
    ]);
    expect(written).to.deep.equal(built);
  });

  it('has the close codes of the server', () => {
    const written = rowsUnder('## Close codes').map(([code]) => Number(code));
    // 1006 stands for a connection without a close frame.
    const built = Object.values(CloseCode).filter((code) => code !== CloseCode.abnormal);
    expect(written).to.have.members(built);
  });
});
