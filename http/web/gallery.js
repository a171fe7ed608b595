// The pictures in rows of one height. Each takes the room of its own proportions before it is loaded, so nothing moves when it comes.
import { thumbnailUrl } from './api.js';
import { $, instance } from './dom.js';
import { captionOf } from './format.js';

// Pictures beyond these proportions get bars instead of all the room of a row.
const RATIO_MIN = 0.4;
const RATIO_MAX = 3;
const TINY_SIDE = 96;  // drawn at their own size
const SKELETON_RATIOS = [1, 1.5, 0.75, 1.33, 1, 0.67, 1.5, 1.2];
const SKELETONS = 32;

const ratioOf = ({ width, height }) => (width && height ? Math.min(Math.max(width / height, RATIO_MIN), RATIO_MAX) : 1);

export class Gallery {
  #list = $('results');
  #current = null;  // the one card that Tab reaches; arrow keys move it

  // onOpen(id) and onMore(id): a picture is to be shown, and what is like it. onLeave(): the arrow keys leave it at the top.
  constructor({ onOpen, onMore, onLeave }) {
    this.onLeave = onLeave;
    this.#list.addEventListener('click', (event) => {
      const card = event.target.closest('.card');
      const pressed = event.target.closest('button');
      if (!card || !pressed) return;
      this.#rove(card);
      if (pressed.classList.contains('more')) onMore(card.dataset.id);
      else onOpen(card.dataset.id);
    });
    this.#list.addEventListener('focusin', (event) => this.#rove(event.target.closest('.card')));
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
  }

  // Instead of what is there. A picture that is there again keeps the focus.
  show(items, thumbnails) {
    const focused = this.#list.contains(document.activeElement) ? this.#current?.dataset.id : undefined;
    this.clear();
    this.append(items, thumbnails);
    if (focused !== undefined) this.#find(focused)?.querySelector('.open').focus({ preventScroll: true });
  }

  append(items, { collection, kept }) {
    const start = this.#list.childElementCount;
    this.#list.append(...items.map((item) => this.#card(item, kept ? thumbnailUrl(collection, item.id) : null)));
    if (!start && items.length) this.#rove(this.#list.firstElementChild);
  }

  showSkeleton() {
    this.#current = null;
    this.#list.replaceChildren(...Array.from({ length: SKELETONS }, (_, i) => {
      const item = document.createElement('li');
      item.className = 'skeleton';
      item.style.setProperty('--ratio', SKELETON_RATIOS[i % SKELETON_RATIOS.length]);
      return item;
    }));
  }

  clear() {
    this.#current = null;
    this.#list.replaceChildren();
  }

  remove(id) {
    const card = this.#find(id);
    if (!card) return;
    if (card === this.#current) {
      this.#current = null;
      this.#rove(card.nextElementSibling ?? card.previousElementSibling);
    }
    card.remove();
  }

  // The card of that picture, else the one that had the focus last.
  focus(id) {
    const card = this.#find(id) ?? this.#current;
    card?.querySelector('.open').focus();
    return Boolean(card);
  }

  #find(id) {
    return [...this.#list.children].find((card) => card.dataset.id === id);
  }

  #card(item, thumbnail) {
    const card = instance('card');
    const caption = captionOf(item);
    card.dataset.id = item.id;
    card.style.setProperty('--ratio', ratioOf(item).toFixed(4));
    card.querySelector('.caption').textContent = caption;
    const open = card.querySelector('.open');
    open.title = caption === item.id ? caption : `${caption}\n${item.id}`;
    const score = card.querySelector('.score');
    if (item.score === undefined) score.remove();
    else score.textContent = item.score.toFixed(3);
    open.setAttribute('aria-label', item.score === undefined ? caption : `${caption}, similarity ${item.score.toFixed(3)}`);
    card.querySelector('.more').setAttribute('aria-label', `More like this: ${caption}`);
    const image = card.querySelector('img');
    image.classList.toggle('tiny', Math.max(item.width, item.height) < TINY_SIDE);
    image.addEventListener('error', () => image.remove());
    if (thumbnail) image.src = thumbnail;
    else image.remove();
    return card;
  }

  #rove(card) {
    if (!card?.classList.contains('card') || card === this.#current) return;
    for (const [at, index] of [[this.#current, -1], [card, 0]]) {
      for (const each of at?.querySelectorAll('button') ?? []) each.tabIndex = index;
    }
    this.#current = card;
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const card = event.target.closest('.card');
    const cards = this.#list.children;
    const target = {
      ArrowLeft: () => card.previousElementSibling,
      ArrowRight: () => card.nextElementSibling,
      ArrowUp: () => this.#inOtherRow(card, -1),
      ArrowDown: () => this.#inOtherRow(card, 1),
      Home: () => cards[0],
      End: () => cards[cards.length - 1],
    }[event.key];
    if (!card || !target) return;
    event.preventDefault();
    const next = target();
    if (next) next.querySelector('.open').focus();
    else if (event.key === 'ArrowUp') this.onLeave();
  }

  // The card of the row above or below that is most under or over this one.
  #inOtherRow(card, step) {
    const middle = (each) => each.offsetLeft + each.offsetWidth / 2;
    const sibling = (each) => (step > 0 ? each.nextElementSibling : each.previousElementSibling);
    let row = null;
    let best = null;
    for (let each = sibling(card); each; each = sibling(each)) {
      if (each.offsetTop === card.offsetTop) continue;
      row ??= each.offsetTop;
      if (each.offsetTop !== row) break;
      if (!best || Math.abs(middle(each) - middle(card)) < Math.abs(middle(best) - middle(card))) best = each;
    }
    return best;
  }
}
