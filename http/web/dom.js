// What several parts of the page do with elements. Texts become text nodes, never HTML.

export const $ = (id) => document.getElementById(id);

export function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent?.append(made);
  return made;
}

export function button(text, parent, onClick) {
  const made = element('button', text, parent);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

export const instance = (template) => $(template).content.firstElementChild.cloneNode(true);

// An error and what may be done about it, in the box that belongs to it; nothing hides the box. retry: what "Try again" does.
export function showError(box, error, retry) {
  box.replaceChildren();
  box.hidden = !error;
  if (!error) return;
  element('p', error.message, box);
  if (retry) button('Try again', box, retry);
}

// Says it to screen readers, and for a moment to everybody.
let notice;
export function say(text) {
  clearTimeout(notice);
  $('notice').textContent = text;
  notice = setTimeout(() => { $('notice').textContent = ''; }, 4000);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Only pages of https and of this machine have a clipboard; the others can copy what is selected.
    const area = element('textarea', text, document.querySelector('dialog[open]') ?? document.body);
    const focused = document.activeElement;
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus();
    if (!copied) return say(`${what} could not be copied.`);
  }
  return say(`${what} copied.`);
}

// Ctrl-click and its like open another tab: the browser's business.
export const isPlainClick = (event) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
