// Sends files to collections: several requests at a time, each with a few files or one large one, so that progress shows, a failure costs
// little and a server's limit on bodies is kept.
import { Refused, Unreachable, collectionPath } from './api.js';
import { bytes, sentence } from './format.js';
import { mayBePicture } from './picture_file.js';

const REQUESTS_MAX = 3;       // under way at once
const FILES_PER_REQUEST = 8;
const BYTES_PER_REQUEST = 4 << 20;
const PART_OVERHEAD = 1024;   // what the form adds to a file, and its name
const BUSY_RETRIES = 6;

// One file on its way: state is waiting, sending, processing, created, updated, unchanged, failed or cancelled.
class Upload {
  state = 'waiting';
  sent = 0;      // bytes
  reason = '';   // of a failure
  mayPass = false;  // whether trying again makes sense
  refused = false;  // not sent at all
  retries = 0;

  constructor({ file, name }, collection) {
    [this.file, this.name, this.collection] = [file, name, collection];
  }
  get size() {
    return this.file.size;
  }
  get finished() {
    return !['waiting', 'sending', 'processing'].includes(this.state);
  }
}

// Events: "change" (event.detail: the uploads that changed) and "finish", when nothing is under way any more.
export class UploadQueue extends EventTarget {
  uploads = [];
  #requests = new Map();  // XMLHttpRequest -> its uploads
  #held = 0;              // requests that wait because the server is busy

  // limits(): the promise of /v1/info's limits.
  constructor(limits) {
    super();
    this.limits = limits;
  }

  get busy() {
    return this.uploads.some((upload) => !upload.finished);
  }

  // chosen: [{file, name}]. Rejects if the server does not tell its limits.
  async add(chosen, collection) {
    const { body_bytes, image_bytes } = await this.limits();
    this.bodyMax = body_bytes;
    const fresh = chosen.map((each) => new Upload(each, collection));
    if (!this.busy) this.uploads = [];
    this.uploads.push(...fresh);
    const most = Math.min(image_bytes, body_bytes - PART_OVERHEAD);
    for (const upload of fresh) {
      upload.refused = !mayBePicture(upload.file) || upload.size > most;
      if (!mayBePicture(upload.file)) this.#fail(upload, 'Not a picture.');
      else if (upload.size > most) this.#fail(upload, `Too large: ${bytes(upload.size)}, and the server takes ${bytes(most)}.`);
    }
    this.#changed(fresh);
    this.#pump();
  }

  retry() {
    const again = this.uploads.filter((upload) => (upload.state === 'failed' && upload.mayPass) || upload.state === 'cancelled');
    for (const upload of again) Object.assign(upload, { state: 'waiting', sent: 0, reason: '', retries: 0 });
    this.#changed(again);
    this.#pump();
  }

  // What the server has received whole is still stored; everything else is given up.
  cancel() {
    const given = this.uploads.filter((upload) => upload.state === 'waiting' || upload.state === 'sending');
    for (const upload of given) upload.state = 'cancelled';
    for (const [request, uploads] of this.#requests) {
      if (uploads.some((upload) => upload.state === 'cancelled')) request.abort();
    }
    this.#changed(given);
    this.#pump();
  }

  #fail(upload, reason, mayPass = false) {
    Object.assign(upload, { state: 'failed', reason, mayPass });
  }

  #changed(uploads) {
    if (uploads.length) this.dispatchEvent(new CustomEvent('change', { detail: uploads }));
  }

  #pump() {
    while (this.#requests.size + this.#held < REQUESTS_MAX) {
      const batch = this.#nextBatch();
      if (!batch.length) break;
      this.#send(batch);
    }
    if (!this.#requests.size && !this.busy && this.uploads.length) this.dispatchEvent(new Event('finish'));
  }

  #nextBatch() {
    const batch = [];
    const most = Math.min(BYTES_PER_REQUEST, this.bodyMax);
    let total = 0;
    for (const upload of this.uploads) {
      if (upload.state !== 'waiting' || (batch.length && upload.collection !== batch[0].collection)) continue;
      total += upload.size + PART_OVERHEAD;
      if (batch.length && (total > most || batch.length === FILES_PER_REQUEST)) break;
      batch.push(upload);
    }
    return batch;
  }

  #send(batch) {
    const form = new FormData();
    for (const { file, name } of batch) form.append('file', file, name);
    for (const upload of batch) upload.state = 'sending';
    // fetch does not tell how much of a body has been sent.
    const request = new XMLHttpRequest();
    request.upload.addEventListener('progress', (event) => this.#progress(batch, event.loaded / event.total));
    request.upload.addEventListener('load', () => {
      for (const upload of batch) Object.assign(upload, { state: 'processing', sent: upload.size });
      this.#changed(batch);
    });
    request.addEventListener('loadend', () => {
      this.#requests.delete(request);
      this.#settle(request, batch);
      this.#changed(batch);
      this.#pump();
    });
    this.#requests.set(request, batch);
    request.open('POST', collectionPath(batch[0].collection, 'images'));
    request.send(form);
    this.#changed(batch);
  }

  // The files of a form are sent one after the other.
  #progress(batch, share) {
    let left = share * batch.reduce((sum, { size }) => sum + size, 0);
    for (const upload of batch) {
      upload.sent = Math.min(upload.size, Math.max(0, left));
      left -= upload.size;
    }
    this.#changed(batch);
  }

  #settle(request, batch) {
    const open = batch.filter((upload) => !upload.finished);
    let body = null;
    try {
      body = JSON.parse(request.responseText);
    } catch {
      // what is no JSON has no results
    }
    if (request.status === 200 && body?.results?.length === batch.length) {
      batch.forEach((upload, i) => {
        const { status, error } = body.results[i];
        if (status === 'failed') this.#fail(upload, sentence(error?.message ?? 'it was not stored'));
        else upload.state = status;
      });
    } else if ((request.status === 503 || request.status === 429) && open.every(({ retries }) => retries < BUSY_RETRIES)) {
      this.#hold(open, Number(request.getResponseHeader('Retry-After')) || 1);
    } else {
      const error = request.status ? new Refused(request.status, body?.error) : new Unreachable();
      const mayPass = !request.status || request.status === 429 || request.status >= 500;
      for (const upload of open) this.#fail(upload, error.message, mayPass);
    }
  }

  #hold(uploads, seconds) {
    for (const upload of uploads) Object.assign(upload, { state: 'waiting', sent: 0, retries: upload.retries + 1 });
    ++this.#held;
    setTimeout(() => {
      --this.#held;
      this.#pump();
    }, seconds * 1000);
  }
}
