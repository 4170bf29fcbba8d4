import { avatar, h } from '../dom.js';
import { api, setToken, takeSignOutReason } from '../session.js';

/** Log in by hand, or with one click as a user of the demo. */
export async function createLoginPage() {
  const message = h('p', { class: 'form-message', role: 'alert' }, takeSignOutReason());
  const username = field('username', 'User name', { autocomplete: 'username', autocapitalize: 'none' });
  const password = field('password', 'Password', { type: 'password', autocomplete: 'current-password' });
  const button = h('button', { class: 'primary wide' }, 'Sign in');
  const form = h('form', { class: 'card stack', onsubmit: submit }, h('h2', {}, 'Sign in'), message);
  form.append(username.label, password.label, button);
  document.title = 'Sign in · Realtime example';

  const demo = await api('demo-users').catch((error) => {
    message.textContent = error.message;
    return { tenants: [], users: [] };
  });
  const intro = h(
    'section',
    { class: 'login-intro' },
    h('img', { src: 'icon.svg', alt: '', width: 48, height: 48 }),
    h('h1', {}, 'Realtime for an Express app'),
    h('p', {}, 'Chat over WebSocket, notices pushed from HTTP, and customer service that survives a restart.'),
    h('p', { class: 'muted' }, 'Each browser tab has its own login: open a second tab, sign in as somebody else.'),
  );
  return h('main', { class: 'login' }, h('div', { class: 'login-side' }, intro, form), demoUsers(demo));

  async function submit(event) {
    event.preventDefault();
    await signIn(username.input.value, password.input.value);
  }

  async function signIn(name, secret) {
    button.disabled = true;
    message.textContent = '';
    try {
      const { token } = await api('login', { username: name, password: secret });
      setToken(token);
      location.reload();
    } catch (error) {
      message.textContent = error.message;
      button.disabled = false;
      password.input.focus();
    }
  }

  function demoUsers({ tenants, users }) {
    const groups = tenants.map(({ id, name }) => {
      const own = users.filter(({ tenantId }) => tenantId === id);
      return h('div', { class: 'demo-group' }, h('h3', {}, name), h('ul', {}, ...own.map(demoUser)));
    });
    return h('section', { class: 'card stack', 'aria-label': 'Demo users' }, h('h2', {}, 'Demo users'), ...groups);
  }

  function demoUser(user) {
    const onclick = () => {
      username.input.value = user.username;
      password.input.value = user.password;
      void signIn(user.username, user.password);
    };
    const role = h(
      'span',
      { class: user.userType === 2 ? 'chip chip-accent' : 'chip' },
      user.userType === 2 ? 'Admin' : 'Member',
    );
    const login = h('code', {}, `${user.username} / ${user.password}`);
    const text = h('span', { class: 'demo-text' }, h('strong', {}, user.name), login);
    return h(
      'li',
      {},
      h('button', { class: 'demo-user', type: 'button', onclick }, avatar(user.id, user.name), text, role),
    );
  }
}

function field(id, text, properties) {
  const input = h('input', { id, name: id, required: true, ...properties });
  return { input, label: h('label', { class: 'field', htmlFor: id }, h('span', {}, text), input) };
}
