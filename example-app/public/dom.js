/** Makes an element. Properties named `on…` are listeners, `class` and `aria-…` attributes, the rest properties. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== 'role') element[name] = value;
    else element.setAttribute(name === 'class' ? 'class' : name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const ICONS = {
  socket: 'M4 8.500h13M13.500 5l4 3.500-4 3.500M20 15.500H7M10.500 12l-4 3.500 4 3.500',
  notices:
    'M4 10v4a1 1 0 0 0 1 1h2.500L16 19V5L7.500 9H5a1 1 0 0 0-1 1ZM19 9.500c1.300 1.500 1.300 3.500 0 5M8 15l1 4.500h2',
  support: 'M4 12a8 7 0 1 1 3.600 5.800L4 19l1-3.300A6.600 6.600 0 0 1 4 12ZM9 11h6M9 14h4',
  logout: 'M10 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h4M14 8l4 4-4 4M18 12H9.500',
  send: 'M5 12 4 4.500 20 12 4 19.500 5 12Zm0 0h7',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  back: 'M15 5l-7 7 7 7',
  check: 'M5 13l4 4L19 7',
  checks: 'M2 13l4 4L15 7M11.500 16.500l.5.500L22 7',
};

/** A line icon; it says nothing to screen readers, the text beside it does. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A user's initials on a colour of their own. */
export function avatar(id, name) {
  const initials = name
    .split(' ')
    .map((part) => part[0])
    .join('');
  return h('span', { class: `avatar tint-${id % 6}`, 'aria-hidden': 'true' }, initials);
}

/** A number on a dot; nothing at 0. */
export function badge(count, what) {
  if (count === 0) return null;
  const text = h('span', { 'aria-hidden': 'true' }, count > 99 ? '99+' : String(count));
  return h('span', { class: 'badge' }, text, h('span', { class: 'visually-hidden' }, `${count} ${what}`));
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const preciseClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A point in time, as short as can be: today's need no date. */
export function time(ms, { precise = false } = {}) {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = precise ? preciseClock.format(date) : isToday ? clock.format(date) : calendar.format(date);
  return h('time', { dateTime: date.toISOString(), title: calendar.format(date) }, text);
}

/** Shows a short message for some seconds; a click opens what it is about. */
export function toast(title, text, href) {
  const body = [h('strong', {}, title), text && h('span', {}, text)];
  const element = href ? h('a', { class: 'toast', href }, body) : h('div', { class: 'toast' }, body);
  element.addEventListener('click', () => element.remove());
  document.querySelector('#toasts').append(element);
  setTimeout(() => element.remove(), 6000);
}
