import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/**
 * What a test does with a code block, said in a comment right before it; the reader of the page does not see it.
 *
 * | mark | meaning |
 * |---|---|
 * | `<!-- test: run -->` | a whole program: type-checked (ts), then run until it ends or listens |
 * | `<!-- test: types -->` | a part: type-checked, with the names of `pages-prelude.d.ts` there (`app`, `registry`, `sender`, …) |
 * | `<!-- test: browser -->` | code of a page: type-checked with DOM (ts), parsed (js, html) |
 * | `<!-- test: skip: reason -->` | none of these; says why |
 *
 * Code needs a mark. Shell blocks need none: their npm scripts must exist. Neither do JSON, which must parse, and text.
 */
export type Mark = 'run' | 'types' | 'browser' | 'skip';

/** One fenced block of a page. */
export interface Block {
  /** Relative to the package, such as `README.md`. */
  readonly page: string;
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly mark: Mark | undefined;
  /** What stands in the mark, such as `skip: reason`. */
  readonly markText: string;
  readonly code: string;
}

/** The README and every page that ships beside the code. */
export function pages(): string[] {
  const inLib = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' });
  return ['README.md', ...inLib.filter((name) => name.endsWith('.md')).map((name) => `lib/${name}`)].sort();
}

/** Reads the blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const lines = readFileSync(join(root, page), 'utf8').split('\n');
  const blocks: Block[] = [];
  let markText = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const fence = /^(\s*)(`{3,})\s*([\w-]*)/.exec(line);
    if (!fence) {
      const comment = /^\s*<!-- test: (.+?) -->\s*$/.exec(line);
      if (comment) markText = comment[1] ?? '';
      else if (!/^\s*(<!--.*-->)?\s*$/.test(line)) markText = '';
      continue;
    }
    const [, indent = '', ticks = '', language = ''] = fence;
    const end = lines.findIndex((each, at) => at > index && each.trim() === ticks);
    if (end < 0) throw new Error(`${page}:${index + 1}: the block has no end`);
    const code = lines
      .slice(index + 1, end)
      .map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
    blocks.push({ page, line: index + 1, language, mark: markOf(markText), markText, code: `${code.join('\n')}\n` });
    markText = '';
    index = end;
  }
  return blocks;
}

function markOf(text: string): Mark | undefined {
  if (/^skip: .+/.test(text)) return 'skip';
  return (['run', 'types', 'browser'] as const).find((mark) => mark === text);
}
