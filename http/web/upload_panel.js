// The progress of uploads, in a corner of the page: the whole, each file, failures with their reasons first.
import { $, instance } from './dom.js';
import { count } from './format.js';

const ROWS_MAX = 200;  // of files that have not failed; the others are counted
const WORDS = { waiting: 'Waiting', sending: 'Sending', processing: 'Reading', created: 'Added', updated: 'Replaced', unchanged: 'Was there already', failed: 'Failed', cancelled: 'Cancelled' };

// Of all that is worth sending. Half of a file's work is to send it, the other half is the server's; small files take their time as well.
function progress(uploads) {
  const sendable = uploads.filter(({ refused }) => !refused);
  const weight = ({ size }) => size + 20_000;
  const share = (upload) => (upload.finished ? 1 : upload.state === 'processing' ? 0.5 : 0.5 * upload.sent / Math.max(1, upload.size));
  const total = sendable.reduce((sum, upload) => sum + weight(upload), 0);
  return total ? sendable.reduce((sum, upload) => sum + weight(upload) * share(upload), 0) / total : 1;
}

export class UploadPanel {
  #rows = new Map();  // Upload -> element
  #pending = new Set();
  #frame = 0;

  // queue: an UploadQueue.
  constructor(queue) {
    this.queue = queue;
    queue.addEventListener('change', ({ detail }) => {
      for (const upload of detail) this.#pending.add(upload);
      this.#frame ||= requestAnimationFrame(() => this.#draw());
    });
    queue.addEventListener('finish', () => this.#draw());
    $('upload-cancel').addEventListener('click', () => queue.cancel());
    $('upload-retry').addEventListener('click', () => queue.retry());
    $('upload-close').addEventListener('click', () => { $('uploads').hidden = true; });
    $('upload-fold').addEventListener('click', () => this.#fold(!$('upload-body').hidden));
  }

  #fold(folded) {
    $('upload-body').hidden = folded;
    $('upload-fold').setAttribute('aria-expanded', !folded);
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { uploads, busy } = this.queue;
    const known = new Set(uploads);
    for (const [upload, row] of this.#rows) {
      if (known.has(upload)) continue;
      row.remove();
      this.#rows.delete(upload);
    }
    if ($('uploads').hidden) this.#fold(false);
    $('uploads').hidden = false;
    for (const upload of this.#pending) this.#drawRow(upload);
    this.#pending.clear();
    this.#drawWhole(uploads, busy);
  }

  #drawRow(upload) {
    let row = this.#rows.get(upload);
    if (!row) {
      if (this.#rows.size >= ROWS_MAX && upload.state !== 'failed') return;
      row = instance('upload-row');
      row.querySelector('.name').textContent = upload.name;
      row.querySelector('.name').title = upload.name;
      this.#rows.set(upload, row);
      $('upload-list').append(row);
    }
    const before = row.dataset.state;
    row.dataset.state = upload.state;
    row.querySelector('.state').textContent = WORDS[upload.state];
    row.querySelector('.reason').textContent = upload.reason;
    row.querySelector('progress').value = upload.size ? upload.sent / upload.size : Number(upload.finished);
    if (upload.state === 'failed' && before !== 'failed') $('upload-list').prepend(row);
  }

  #drawWhole(uploads, busy) {
    const number = (...states) => uploads.filter(({ state }) => states.includes(state)).length;
    const finished = uploads.filter((upload) => upload.finished).length;
    const [failed, cancelled, stored] = [number('failed'), number('cancelled'), number('created', 'updated')];
    const names = [...new Set(uploads.map(({ collection }) => collection))];
    $('upload-title').textContent = busy ? `Adding ${count(uploads.length, 'file')}` : `${count(stored, 'picture')} added`;
    const unchanged = number('unchanged');
    const parts = [names.length === 1 && `to “${names[0]}”`, busy && `${finished.toLocaleString('en')} of ${uploads.length.toLocaleString('en')} done`,
      unchanged && `${unchanged.toLocaleString('en')} there already`, cancelled && `${cancelled.toLocaleString('en')} cancelled`];
    $('upload-summary').textContent = parts.filter(Boolean).join(' · ');
    $('upload-failures').textContent = failed ? `${failed.toLocaleString('en')} failed` : '';
    $('upload-progress').value = progress(uploads);
    $('upload-progress').hidden = !busy;
    $('upload-cancel').hidden = !busy;
    $('upload-close').hidden = busy;
    $('upload-retry').hidden = busy || !uploads.some(({ state, mayPass }) => state === 'cancelled' || (state === 'failed' && mayPass));
    const more = uploads.length - this.#rows.size;
    $('upload-rest').textContent = more > 0 ? `and ${`${more.toLocaleString('en')} more`}` : '';
  }
}
