import { expect } from 'chai';
import fc from 'fast-check';
import { ClockOffset } from '../../lib/cluster/clock-offset';
import { SeenWindow } from '../../lib/cluster/seen-window';

const create = (pages = 1000): SeenWindow => new SeenWindow(60_000, { free: pages });

describe('seen-window', () => {
  it('takes each number once, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 400 }), (numbers) => {
        const window = create();
        const seen = new Set<number>();
        for (const number of numbers) {
          expect(window.add(number, 0)).to.equal(!seen.has(number));
          seen.add(number);
        }
      }),
    );
  });

  it('counts as missing exactly what never came between the first and the last', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 300 }), (numbers) => {
        const window = create();
        for (const number of numbers) window.add(number, 0);
        const [first = 0] = numbers;
        const top = Math.max(...numbers);
        const after = numbers.filter((number) => number > first).length;
        expect(window.takeMissing(30_000, 30_000)).to.equal(0);
        expect(window.takeMissing(30_001, 30_000)).to.equal(top - first - after);
        expect(window.takeMissing(60_000, 30_000)).to.equal(0);
      }),
    );
  });

  it('counts a number that came unread as neither missing nor seen, whether what is behind it came before or after', () => {
    const window = create();
    for (const number of [1, 2, 5, 9]) window.add(number, 0);
    for (const number of [4, 7, 12, 13]) window.addUnread(number, 0);
    window.add(14, 0);
    expect(window.add(4, 0)).to.equal(true);
    expect(window.takeMissing(30_001, 30_000)).to.equal([3, 6, 8, 10, 11].length);
  });

  it('gives the memory of unread numbers back, and takes none for those beyond all gaps', () => {
    const budget = { free: 100 };
    const window = new SeenWindow(60_000, budget);
    window.addUnread(1, 0);
    window.add(1, 0);
    window.addUnread(2 ** 40, 0);
    expect(budget.free).to.equal(99);
    for (let number = 1; number <= 4096 * 10; number += 4096) window.addUnread(number, 0);
    expect(budget.free).to.equal(80);
    for (let number = 1; number <= 4096 * 500; number += 4096) window.addUnread(number, 0);
    expect(budget.free).to.be.at.least(0);
    window.release();
    expect(budget.free).to.equal(100);
  });

  it('remembers the last 65,536 numbers however old they are', () => {
    const window = create();
    for (let number = 1; number <= 200_000; number += 1) window.add(number, number * 1000);
    const repeats = Array.from({ length: 65_536 }, (_, index) => window.add(200_000 - index, 1e9));
    expect(repeats.includes(true)).to.equal(false);
  });

  it('remembers a minute of numbers however many they are', () => {
    const window = create();
    for (let number = 1; number <= 500_000; number += 1) window.add(number, number / 10);
    expect(window.add(1, 50_000)).to.equal(false);
    expect(window.add(499_999, 50_000)).to.equal(false);
  });

  it('gives memory back: by age, at the bound, and when it is released', () => {
    const budget = { free: 100 };
    const window = new SeenWindow(60_000, budget);
    for (let number = 1; number <= 4096 * 50; number += 4096) window.add(number, 0);
    expect(budget.free).to.equal(50);
    window.add(4096 * 60, 60_001);
    expect(budget.free).to.equal(83);
    for (let number = 1; number <= 4096 * 500; number += 4096) window.add(number, 60_001);
    expect(budget.free).to.be.at.least(0);
    window.release();
    expect(budget.free).to.equal(100);
  });

  it('takes a forged number far ahead for no gap, and goes on with the real ones', () => {
    const window = create();
    window.add(1, 0);
    window.add(Number.MAX_SAFE_INTEGER, 0);
    for (const number of [2, 3, 5]) expect(window.add(number, 0)).to.equal(true);
    expect(window.takeMissing(40_000, 30_000)).to.equal(1);
  });
});

describe('clock offset', () => {
  it('is the smallest difference seen, and 0 before any', () => {
    const clock = new ClockOffset();
    expect(clock.ms).to.equal(0);
    clock.observe(1000, 1900);
    clock.observe(2000, 2300);
    clock.observe(3000, 9000);
    expect(clock.ms).to.equal(300);
    expect(clock.isKnown).to.equal(true);
  });

  it('forgets what is older than two minutes, so that a clock that was set is followed', () => {
    const clock = new ClockOffset();
    clock.observe(0, 10);
    for (let now = 3000; now < 130_000; now += 3000) clock.observe(now - 60_000, now);
    expect(clock.ms).to.equal(60_000);
  });
});
