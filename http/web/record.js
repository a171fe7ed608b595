// One picture with all that is known of it, in a dialog over the gallery.
import { Unreachable, deleteRecord, getRecord, mayPass, originalUrl, thumbnailUrl } from './api.js';
import { $, copy, element, say, showError } from './dom.js';
import { bytes, captionOf, date } from './format.js';

// Originals that every browser shows; of others the thumbnail is shown.
const SHOWN_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'avif', 'bmp'];

export class RecordDialog {
  #dialog = $('record');
  #running = new AbortController();
  #id = null;
  #collection = null;

  // onStep(-1 or 1), onMore(id), onClose(), onDeleted(id).
  constructor({ onStep, onMore, onClose, onDeleted }) {
    this.onStep = onStep;
    this.onClose = onClose;
    this.onDeleted = onDeleted;
    // Esc closes it, as the close button and a click beside it do; the address follows.
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      if ($('record-confirm').hidden) onClose();
      else this.#confirm(false);
    });
    // A browser lets a page hold back Esc only so often.
    this.#dialog.addEventListener('close', () => !this.#dialog.open && this.#id !== null && onClose());
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && onClose());
    this.#dialog.addEventListener('keydown', (event) => this.#onKey(event));
    $('record-close').addEventListener('click', onClose);
    $('record-previous').addEventListener('click', () => onStep(-1));
    $('record-next').addEventListener('click', () => onStep(1));
    $('record-more').addEventListener('click', () => onMore(this.#id));
    $('record-copy').addEventListener('click', () => copy(this.#id, 'Id'));
    $('record-delete').addEventListener('click', () => this.#confirm(true));
    $('record-keep').addEventListener('click', () => this.#confirm(false));
    $('record-delete-really').addEventListener('click', () => this.#delete());
  }

  get isOpen() {
    return this.#dialog.open;
  }
  // The id of the picture that is shown, or null.
  get shown() {
    return this.#id;
  }

  // known: what the list has of it already, shown until the record comes; or undefined. collection: its statistics.
  async open(collection, id, known, neighbours) {
    this.neighbours(neighbours);
    if (this.#dialog.open && this.#id === id && this.#collection?.name === collection.name) return;
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    [this.#collection, this.#id] = [collection, id];
    this.#reset();
    if (known) this.#draw(known, known.score);
    else $('record-title').textContent = id;
    if (!this.#dialog.open) {
      this.#dialog.showModal();
      this.#dialog.focus();
    }
    // What had the focus may be hidden now, and the arrow keys would go nowhere.
    if (!this.#dialog.contains(document.activeElement) || !document.activeElement.checkVisibility()) this.#dialog.focus();
    await this.#load(known, signal);
  }

  close() {
    this.#running.abort();
    this.#id = null;
    if (this.#dialog.open) this.#dialog.close();
  }

  neighbours({ previous, next }) {
    for (const [id, there] of [['record-previous', previous], ['record-next', next]]) {
      if (!there && document.activeElement === $(id)) this.#dialog.focus();
      $(id).disabled = !there;
    }
  }

  async #load(known, signal) {
    showError($('record-error'), null);
    this.#dialog.setAttribute('aria-busy', 'true');
    try {
      const record = await getRecord(this.#collection.name, this.#id, signal);
      if (signal.aborted) return;
      this.#draw(record, known?.score);
    } catch (error) {
      if (signal.aborted) return;
      showError($('record-error'), error, mayPass(error) && (() => this.#load(known, signal)));
    }
    this.#dialog.setAttribute('aria-busy', 'false');
  }

  #reset() {
    this.#confirm(false, false);
    showError($('record-error'), null);
    $('record-picture').replaceChildren();
    $('record-facts').replaceChildren();
    $('record-metadata').textContent = '';
    $('record-metadata-part').hidden = true;
    this.#dialog.scrollTop = 0;
  }

  // A hit of a search has less than the record: the rest follows.
  #draw(record, score) {
    $('record-title').textContent = captionOf(record);
    const facts = $('record-facts');
    facts.replaceChildren();
    const fact = (name, value, title) => {
      if (!value) return;
      element('dt', name, facts);
      const shown = element('dd', value, facts);
      shown.dir = 'auto';
      if (title) shown.title = title;
    };
    fact('Id', record.id);
    fact('Similarity', score?.toFixed(3), 'The cosine of query and picture, 1 at most');
    const size = [`${record.width} × ${record.height}`, record.format?.toUpperCase(), record.bytes && bytes(record.bytes)];
    fact('Size', size.filter(Boolean).join(' · '), record.bytes && `${record.bytes.toLocaleString('en')} bytes`);
    fact('Source', record.source);
    fact('Added', record.created_ms && date(record.created_ms));
    fact('Changed', record.updated_ms !== record.created_ms && date(record.updated_ms));
    const metadata = record.metadata ?? {};
    $('record-metadata-part').hidden = !Object.keys(metadata).length;
    $('record-metadata').textContent = JSON.stringify(metadata, null, 2);
    this.#drawPicture(record);
  }

  #drawPicture(record) {
    const frame = $('record-picture');
    frame.style.setProperty('--width', record.width || 1);
    frame.style.setProperty('--height', record.height || 1);
    const { name, settings } = this.#collection;
    if (settings.store === 'none') {
      if (!frame.firstChild) element('p', 'This collection keeps no pictures.', frame);
      return;
    }
    const thumbnail = thumbnailUrl(name, record.id);
    const original = settings.store === 'original' && SHOWN_FORMATS.includes(record.format) ? originalUrl(name, record.id) : null;
    let image = frame.querySelector('img');
    if (!image) {
      // The thumbnail is there at once, and stays until the original has come.
      image = element('img', '', frame);
      image.addEventListener('error', () => image.replaceWith(element('p', 'The picture cannot be shown.')));
      image.src = thumbnail;
    }
    image.alt = captionOf(record);
    if (!original || image.dataset.original) return;
    image.dataset.original = 'loading';
    const whole = new Image();
    whole.onload = () => {
      image.src = original;
      image.dataset.original = 'shown';
    };
    whole.src = original;
  }

  #confirm(asking, focus = true) {
    $('record-confirm').hidden = !asking;
    $('record-actions').hidden = asking;
    if (focus) $(asking ? 'record-keep' : 'record-delete').focus();
  }

  async #delete() {
    const [collection, id] = [this.#collection.name, this.#id];
    for (const press of ['record-delete-really', 'record-keep']) $(press).disabled = true;
    showError($('record-error'), null);
    try {
      await deleteRecord(collection, id).catch((error) => {
        if (error.status !== 404) throw error;  // somebody else was faster
      });
      say('The picture is deleted.');
      this.onDeleted(collection, id);
    } catch (error) {
      if (this.#id === id) showError($('record-error'), error, error instanceof Unreachable && (() => this.#delete()));
    }
    for (const press of ['record-delete-really', 'record-keep']) $(press).disabled = false;
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    if (!$(step < 0 ? 'record-previous' : 'record-next').disabled) this.onStep(step);
  }
}
