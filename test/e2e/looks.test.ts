import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { bubble, chat, draft, entry, open, openStage, write } from './stage';

const PHONE = { width: 375, height: 740 };

describe('example app in a browser: looks', function () {
  this.timeout(60_000);
  const stage = openStage();

  const widthOver = (page: Page) =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

  it('fits a phone: no page scrolls sideways, even with long words', async () => {
    const page = await stage.arrive({ viewport: PHONE });
    await page.getByRole('button', { name: 'Ada Berg' }).waitFor();
    expect(await widthOver(page), 'login').to.equal(0);
    const mia = await stage.signIn('Mia Sato', { viewport: PHONE });
    const ada = await stage.signIn('Ada Berg', { viewport: { width: 320, height: 640 } });
    const word = 'W'.repeat(200);
    await chat(mia, word);
    await entry(ada, word).waitFor();
    await open(mia, 'Customer service');
    await write(mia, word);
    for (const page of [ada, mia]) expect(await widthOver(page)).to.equal(0);
    await open(ada, 'Notices');
    await draft(ada, word.slice(0, 100));
    expect(await widthOver(ada), 'notices').to.equal(0);
    await open(ada, 'Customer service');
    expect(await widthOver(ada), 'conversations').to.equal(0);
    await ada.getByRole('button', { name: 'Mia Sato' }).click();
    await bubble(ada, word).waitFor();
    expect(await widthOver(ada), 'thread').to.equal(0);
    await ada.getByRole('button', { name: 'All conversations' }).click();
    await ada.getByRole('button', { name: 'Mia Sato' }).waitFor();
  });

  it('is dark where the user wants it dark, and readable in both', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await stage.signIn('Ada Berg', { colorScheme });
      const [ground, text] = await page.evaluate<string[]>(
        '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
      );
      const isDark = redOf(ground) < redOf(text);
      expect(isDark, colorScheme).to.equal(colorScheme === 'dark');
      await chat(page, 'hello');
      await entry(page, 'hello').waitFor();
      expect(await faintTexts(page), colorScheme).to.deep.equal([]);
      await open(page, 'Notices');
      await draft(page, `A ${colorScheme} notice`);
      expect(await faintTexts(page), colorScheme).to.deep.equal([]);
      await open(page, 'Customer service');
      await page.getByRole('button', { name: 'Mia Sato' }).click();
      await write(page, `A ${colorScheme} message`);
      expect(await faintTexts(page), colorScheme).to.deep.equal([]);
    }
  });

  it('names every control, and can be used with the keyboard alone', async () => {
    const ada = await stage.signIn('Ada Berg');
    for (const name of ['WebSocket test', 'Notices', 'Customer service']) {
      await open(ada, name);
      const controls = await ada.locator('button, input, select, textarea, a').all();
      for (const control of controls) {
        const snapshot = await control.ariaSnapshot();
        expect(snapshot, `${name}: ${await control.evaluate((element) => element.outerHTML)}`).to.match(/"[^"]+"/);
      }
    }
    await ada.locator('a.tab').first().focus();
    await ada.keyboard.press('Enter');
    await ada.locator('#text').focus();
    await ada.keyboard.type('typed');
    await ada.keyboard.press('Enter');
    await entry(ada, 'typed').waitFor();
  });
});

/** All our greys have about as much red as green and blue. */
function redOf(color: string | undefined): number {
  return Number(/\d+/.exec(color ?? '')?.[0]);
}

/** Texts whose contrast with what is behind them is below WCAG AA (4.5). */
function faintTexts(page: Page): Promise<string[]> {
  // In the page's own language: tsx would add helpers to a function that the page does not have.
  return page.evaluate(`(() => {
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const color = rgb(getComputedStyle(each).backgroundColor);
        if (color.length < 4 || color[3] > 0) return color;
      }
    };
    const faint = [];
    for (const element of document.querySelectorAll('body *')) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
      if (element.closest('.visually-hidden, .skip, :disabled, option')) continue;
      const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
      const contrast = (a + 0.05) / (b + 0.05);
      if (contrast < 4.5) faint.push(element.className + ' ' + element.textContent + ': ' + contrast.toFixed(2));
    }
    return faint;
  })()`);
}
