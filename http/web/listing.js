// A list of pictures that grows page by page: a search's hits, or a whole collection in the order of ids.
import { listImages, search } from './api.js';
import { searchable } from './picture_file.js';

export const PAGE_SIZE = 60;
const PAGE_MAX = 1000;      // of one request to the server
const WINDOW_MAX = 10_000;  // limit + offset of the server's search

export class Listing {
  items = [];
  done = false;
  tookMs = 0;
  scroll = 0;  // where the page stood when the list was left
  #offset = 0;
  #cursor = null;
  #ids = new Set();

  // query: {text}, {id}, {file}, or null for the whole collection.
  constructor(collection, query) {
    this.collection = collection;
    this.query = query;
  }

  // The pictures of the next page; `number` may ask for several pages at once.
  async more(signal, number = PAGE_SIZE) {
    const limit = Math.min(Math.max(number, PAGE_SIZE), PAGE_MAX);
    const page = await (this.query ? this.#search(limit, signal) : this.#list(limit, signal));
    signal.throwIfAborted();
    // What was added or deleted meanwhile moves the pages: nothing is shown twice.
    const fresh = page.filter(({ id }) => !this.#ids.has(id));
    for (const { id } of fresh) this.#ids.add(id);
    this.items.push(...fresh);
    return fresh;
  }

  async #list(limit, signal) {
    const { images, next_cursor } = await listImages(this.collection, limit, this.#cursor, signal);
    this.#cursor = next_cursor;
    this.done = !next_cursor;
    return images;
  }

  async #search(number, signal) {
    const { file, ...query } = this.query;
    if (file) query.picture = this.picture ??= await searchable(file);
    const limit = Math.min(number, WINDOW_MAX - this.#offset);
    const { hits, took_ms } = await search(this.collection, query, limit, this.#offset, signal);
    this.#offset += hits.length;
    this.done = hits.length < limit || this.#offset >= WINDOW_MAX;
    this.tookMs = took_ms.total;
    return hits;
  }

  has(id) {
    return this.#ids.has(id);
  }

  remove(id) {
    if (!this.#ids.delete(id)) return;
    this.items.splice(this.items.findIndex((item) => item.id === id), 1);
    if (this.query) --this.#offset;
  }
}
