/**
 * The script of the live page, as the browser gets it: it puts the parts that come over the stream
 * into the page, and posts what the buttons ask for. Browsers connect again by themselves after a
 * break; only where they give up, the script does.
 */
export const CLIENT_SCRIPT = `'use strict';
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const byId = (id) => document.getElementById(id);
const query = token === null ? '' : '?token=' + encodeURIComponent(token);
/** The coordinator's last word; empty while the run goes on. */
let lastWord = '';

function showLink(look, text) {
  byId('link').className = look;
  byId('link').textContent = text;
}

function say(text, isRefused) {
  byId('said').textContent = text;
  byId('said').className = isRefused ? 'note refused' : 'note';
}

/** Puts a part in the place of the one before, where the reader's focus and place stay. */
function showPart({ name, html }) {
  const part = byId(name + '-part');
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const key = focused === null ? null : focused.dataset.key;
  const isScroll = focused !== null && focused.classList.contains('scroll');
  const before = part.querySelector('.scroll');
  const [top, left] = before === null ? [0, 0] : [before.scrollTop, before.scrollLeft];
  part.innerHTML = html;
  const after = part.querySelector('.scroll');
  if (after !== null) after.scrollTo(left, top);
  if (key) part.querySelector('[data-key="' + CSS.escape(key) + '"]')?.focus();
  else if (isScroll) after?.focus();
  allowButtons();
}

function allowButtons() {
  for (const button of document.querySelectorAll('[data-do]')) {
    button.disabled = token === null || lastWord !== '';
    button.title = token === null ? 'Open the page by the address that was printed, with #token=…' : '';
  }
}

function watch() {
  const stream = new EventSource('events' + query);
  stream.onopen = () => {
    lastWord = '';
    showLink('live', 'live');
  };
  stream.addEventListener('part', (event) => showPart(JSON.parse(event.data)));
  stream.addEventListener('over', (event) => {
    const { text, isFinal } = JSON.parse(event.data);
    lastWord = text;
    stream.close();
    showLink('', text);
    allowButtons();
    if (!isFinal) setTimeout(watch, 5000);
  });
  stream.onerror = () => {
    if (lastWord === '') showLink('cut', 'connection lost, trying again');
    if (stream.readyState !== EventSource.CLOSED) return;
    stream.close();
    setTimeout(watch, 2000);
  };
}

const QUESTIONS = {
  drain: (worker) => 'Let ' + worker + ' finish its leases and go? Nobody starts it again.',
  stop: () => 'Stop the run after a checkpoint? It can be resumed.',
};

async function post(button) {
  const { do: action, worker } = button.dataset;
  const question = QUESTIONS[action];
  if (question !== undefined && !confirm(question(worker))) return;
  const path = 'do/' + action + (worker === undefined ? '' : '?worker=' + encodeURIComponent(worker));
  try {
    const headers = { authorization: 'Bearer ' + token };
    const reply = await fetch(path, { method: 'POST', headers });
    say((await reply.text()).trim(), !reply.ok);
  } catch {
    say('The coordinator does not answer.', true);
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]');
  if (button !== null && !button.disabled) void post(button);
});
if (token !== null) byId('state').href = 'state.json' + query;
allowButtons();
watch();
`;
