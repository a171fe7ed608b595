// The collections of the server: which one is looked at, the menu that chooses, and the dialog that makes a new one.
import { createCollection, listCollections } from './api.js';
import { $, button, element, isPlainClick, showError } from './dom.js';
import { count, sentence } from './format.js';
import { write } from './address.js';

export class Collections {
  list = [];
  unusable = [];
  loaded = false;
  current = null;  // statistics of the chosen one
  #resolve = null;  // of the dialog's promise

  // onChoose(name): another one is to be looked at.
  constructor({ onChoose }) {
    this.onChoose = onChoose;
    $('collection').addEventListener('click', () => this.#toggle($('collection-menu').hidden));
    $('collection-menu').addEventListener('keydown', (event) => this.#onKey(event));
    $('collection').addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      this.#toggle(true);
    });
    addEventListener('pointerdown', (event) => event.target.closest?.('#collections') || this.#toggle(false, false));
    $('collections').addEventListener('focusout', (event) => {
      if (event.relatedTarget && !event.relatedTarget.closest('#collections')) this.#toggle(false, false);
    });
    $('new-collection').addEventListener('close', () => this.#settle(null));
    $('new-collection-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#create();
    });
    $('new-collection-cancel').addEventListener('click', () => $('new-collection').close());
  }

  async load(signal) {
    const answer = await listCollections(signal);
    signal?.throwIfAborted();
    this.list = answer.collections;
    this.unusable = answer.unusable;
    this.loaded = true;
    this.current = this.get(this.current?.name) ?? null;
  }

  get(name) {
    return this.list.find((each) => each.name === name);
  }

  get largest() {
    return this.list.reduce((a, b) => (b.images > a.images ? b : a), this.list[0]);
  }

  // The named one, else the largest: it is most likely what somebody looks for. Null if there is none.
  choose(name) {
    const wanted = name ?? this.largest?.name;
    this.current = this.get(wanted) ?? null;
    this.#draw();
    const bad = this.unusable.find((each) => each.name === wanted);
    if (bad) throw new Error(`The collection “${wanted}” cannot be used: ${sentence(bad.reason)}`);
    if (wanted !== undefined && !this.current) throw new Error(`There is no collection “${wanted}” here.`);
    return this.current;
  }

  // Asks for a name and makes the collection. Resolves with its name, or with null if it was given up.
  make(suggestion = '') {
    showError($('new-collection-error'), null);
    $('new-collection-name').value = suggestion;
    $('new-collection').showModal();
    $('new-collection-name').select();
    return new Promise((resolve) => { this.#resolve = resolve; });
  }

  #settle(name) {
    this.#resolve?.(name);
    this.#resolve = null;
  }

  async #create() {
    const name = $('new-collection-name').value.trim();
    const store = new FormData($('new-collection-form')).get('store');
    $('new-collection-create').disabled = true;
    showError($('new-collection-error'), null);
    try {
      await createCollection(name, { store });
      await this.load();
      this.#settle(name);
      $('new-collection').close();
    } catch (error) {
      showError($('new-collection-error'), error);
      $('new-collection-name').focus();
    }
    $('new-collection-create').disabled = false;
  }

  #draw() {
    $('collections').hidden = !this.list.length;
    $('collection-name').textContent = this.current?.name ?? 'Collections';
    const menu = $('collection-menu');
    menu.replaceChildren();
    for (const { name, images } of this.list) {
      const link = element('a', '', menu);
      link.href = write({ collection: name, query: null, image: null });
      if (name === this.current?.name) link.setAttribute('aria-current', 'true');
      element('span', name, link);
      element('small', images.toLocaleString('en'), link).title = count(images, 'picture');
      link.addEventListener('click', (event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        this.#toggle(false);
        this.onChoose(name);
      });
    }
    button('New collection…', menu, async () => {
      this.#toggle(false);
      const name = await this.make();
      if (name !== null) this.onChoose(name);
    }).id = 'make-collection';
  }

  #toggle(open, focus = true) {
    if ($('collection-menu').hidden !== open) return;
    $('collection-menu').hidden = !open;
    $('collection').setAttribute('aria-expanded', open);
    if (!focus) return;
    if (open) ($('collection-menu').querySelector('[aria-current]') ?? $('collection-menu').firstElementChild)?.focus();
    else $('collection').focus();
  }

  #onKey(event) {
    const items = [...$('collection-menu').children];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === 'Escape') this.#toggle(false);
    else if (next !== undefined) items[Math.min(Math.max(next, 0), items.length - 1)].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
