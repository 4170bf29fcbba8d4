import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const root = join(__dirname, '..');
const lib = join(root, 'lib');

/** Top to bottom; a file may import from its own room and from rooms on a lower floor. */
const floors: readonly (readonly string[])[] = [
  ['index', 'testing'],
  ['attach'],
  ['http'],
  ['handshake', 'inbound', 'outbound'],
  ['cluster'],
  ['session'],
  ['wire', 'cluster/brokers'],
  ['model'],
];
const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));

const topLevel = new Set([
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'lib', 'test', 'example-app'],
  ...['CHANGELOG.md', 'README.md', 'LICENSE', '.gitignore', '.ci'],
]);

interface Import {
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  /** The file of lib/ that it names; undefined for a package. */
  readonly to: string | undefined;
}

describe('architecture', () => {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) => /\.m?ts$/.test(name));
  const imports = files.flatMap(importsOf);
  const inside = imports.flatMap((each) => (each.to === undefined ? [] : [{ ...each, to: each.to }]));

  it('knows the floor of every room', () => {
    const unknown = files.filter((file) => roomOf(file) !== 'client' && !floorOf.has(roomOf(file)));
    expect(unknown).to.deep.equal([]);
  });

  it('imports its own room or a lower floor, types included', () => {
    const breaches = inside.filter(({ from, to }) => !mayImport(roomOf(from), roomOf(to)));
    expect(breaches.map(show)).to.deep.equal([]);
  });

  it('shares nothing but types of wire and model with the client', () => {
    const breaches = inside.filter(
      ({ from, to, isTypeOnly }) =>
        roomOf(from) === 'client' && roomOf(to) !== 'client' && !(/^(wire|model)$/.test(roomOf(to)) && isTypeOnly),
    );
    expect(breaches.map(show)).to.deep.equal([]);
  });

  it('has no import cycle', () => {
    expect(findCycle(inside) ?? 'none').to.equal('none');
  });

  it('names relative imports of files that exist', () => {
    const dangling = imports.filter(({ specifier, to }) => specifier.startsWith('.') && to === undefined);
    expect(dangling.map(show)).to.deep.equal([]);
  });

  it('loads no package but ws, and drivers only in their broker', () => {
    const packages = imports.filter(({ specifier, isTypeOnly }) => !/^(\.|node:)/.test(specifier) && !isTypeOnly);
    const breaches = packages.filter(({ from, specifier }) => specifier !== 'ws' && roomOf(from) !== 'cluster/brokers');
    expect(breaches.map(show)).to.deep.equal([]);
  });

  it('keeps the top level of the package to the list', () => {
    const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
    const found = new Set(tracked.map((path) => path.split('/')[0] ?? path));
    expect([...found].filter((name) => !topLevel.has(name))).to.deep.equal([]);
  });
});

/** Files at the top of lib/ are the composition root, but for the list of public names. */
function roomOf(file: string): string {
  if (/^index\.m?ts$/.test(file)) return 'index';
  if (!file.includes('/')) return 'attach';
  if (file.startsWith('cluster/brokers/')) return 'cluster/brokers';
  return file.slice(0, file.indexOf('/'));
}

function mayImport(from: string, to: string): boolean {
  if (from === to || from === 'client') return true;
  return (floorOf.get(to) ?? -1) > (floorOf.get(from) ?? Infinity);
}

function show({ from, line, specifier }: Import): string {
  return `lib/${from}:${line} imports ${specifier}`;
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(join(lib, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (name: ts.Node | undefined, isTypeOnly: boolean) => {
    if (!name || !ts.isStringLiteralLike(name)) return;
    const line = source.getLineAndCharacterOfPosition(name.getStart()).line + 1;
    found.push({ from: file, line, specifier: name.text, isTypeOnly, to: resolve(file, name.text) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node.moduleReference.expression, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && isLoad(node.expression)) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isLoad(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const base = relative(lib, join(lib, dirname(from), specifier.replace(/\.js$/, '')));
  const options = [`${base}.ts`, `${base}.mts`, join(base, 'index.ts')];
  return options.find((option) => ts.sys.fileExists(join(lib, option)));
}

function findCycle(edges: readonly { readonly from: string; readonly to: string }[]): string | undefined {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): string | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' → ');
    if (done.has(file)) return undefined;
    for (const to of next.get(file) ?? []) {
      const cycle = walk(to, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const cycle = walk(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}
