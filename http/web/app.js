// Ties the parts together: what the page shows (collection, query, open record) follows the address, and the history has a list of each entry.
import * as address from './address.js';
import { info, mayPass } from './api.js';
import { Collections } from './collections.js';
import { $, button, isPlainClick, say, showError } from './dom.js';
import { captionOf, count } from './format.js';
import { Gallery } from './gallery.js';
import { FIRST_COLLECTION, showHowToIngest, showIntroduction, showUnusable, updateIntroduction } from './home.js';
import { listenForFiles } from './incoming_files.js';
import { Listing, PAGE_SIZE } from './listing.js';
import { mayBePicture } from './picture_file.js';
import { RecordDialog } from './record.js';
import { SearchBox } from './search_box.js';
import { UploadQueue } from './upload.js';
import { UploadPanel } from './upload_panel.js';

const LISTS_MAX = 20;  // kept in memory, so that going back shows them at once

let place = { collection: null, query: null, image: null };
let key = null;           // of the history entry's list
let listing = null;       // what the gallery shows; null while nothing is shown
const lists = new Map();  // key -> Listing
let running = new AbortController();

const box = new SearchBox({ onSearch: (query) => go({ query }), onDown: () => gallery.focus() });
const gallery = new Gallery({ onOpen: openRecord, onMore: (id) => go({ query: { id } }), onLeave: () => $('query').focus() });
const collections = new Collections({
  // A picture of one collection is not in the other.
  onChoose: (collection) => go({ collection, query: place.query?.id === undefined ? place.query : null }),
});
const record = new RecordDialog({ onStep: step, onMore: (id) => go({ query: { id } }), onClose: closeRecord, onDeleted: forget });
const queue = new UploadQueue(async () => (await info()).limits);
new UploadPanel(queue);

const kept = () => ({ collection: collections.current?.name, kept: collections.current?.settings.store !== 'none' });

// ---- the list ----

function setBusy(busy, first = false) {
  $('main').setAttribute('aria-busy', busy);
  $('main').classList.toggle('replacing', busy && first);
  $('paging').classList.toggle('busy', busy && !first);
}

function describe() {
  const { images } = collections.current;
  const shown = listing.items.length;
  const pictures = count(images, 'picture');
  if (!listing.query) $('status').textContent = '';  // the heading has their number
  else if (!shown) $('status').textContent = 'Nothing found.';
  else $('status').textContent = `Best ${shown.toLocaleString('en')} of ${pictures} in ${listing.tookMs.toFixed(1)} ms`;
  $('show-more').hidden = listing.done;
  const itself = listing.items.find(({ id }) => id === place.query?.id);
  if (itself) box.name(captionOf(itself));
}

function clear() {
  listing = null;
  gallery.clear();
  $('status').textContent = '';
  $('show-more').hidden = true;
  $('home').replaceChildren();
}

function draw(shown) {
  listing = shown;
  gallery.show(listing.items, kept());
  if (place.query) $('home').replaceChildren();
  else if (!listing.items.length) showHowToIngest(collections.current, { onChoose: () => $('upload-files').click(), onRetry: () => show() });
  else showIntroduction(collections.current, listing.items, (query) => go({ query }));
  if (!place.query) showUnusable(collections.unusable);
  describe();
  $('gallery-part').hidden = !listing.items.length;
}

function drawNothing() {
  clear();
  showHowToIngest(null, { onChoose: () => $('upload-files').click(), onRetry: () => show() });
  showUnusable(collections.unusable);
}

// The list of the address: from memory if it was seen before, else from the server. number: of pictures at first.
async function show({ number = PAGE_SIZE, scroll = 0 } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  showError($('error'), null);
  showError($('paging-error'), null);
  document.body.classList.toggle('home', !place.query);
  setBusy(true, true);
  try {
    let next = lists.get(key);
    // Without a query the page tells what is there now.
    if (!collections.loaded || (!place.query && !next?.items.length)) {
      if (!listing && !collections.loaded) gallery.showSkeleton();
      await collections.load(signal);
    }
    const chosen = collections.choose(next?.collection ?? place.collection);
    if (!chosen) {
      drawNothing();
    } else {
      next ??= new Listing(chosen.name, place.query);
      next.collection ??= chosen.name;
      keep(next);
      box.showPicture(place.query, kept());
      if (!next.items.length) await next.more(signal, number);
      signal.throwIfAborted();
      draw(next);
      scrollTo({ top: next.scroll || scroll });
      await showRecord();
    }
  } catch (error) {
    if (signal.aborted) return;
    clear();
    showError($('error'), error, mayPass(error) && (() => show()));
    // A collection that is gone is no dead end.
    const way = collections.loaded && !collections.current && collections.largest;
    if (way) button(`Open “${way.name}”`, $('error'), () => go({ collection: way.name, query: place.query?.id === undefined ? place.query : null }));
  }
  if (signal.aborted) return;
  setBusy(false);
  lookForEnd();
}

function keep(list) {
  lists.delete(key);
  lists.set(key, list);
  if (lists.size > LISTS_MAX) lists.delete(lists.keys().next().value);
}

// Calls for the next page when the end is near. The observer tells changes alone, so it is asked anew after each page: the end may still be near.
const end = new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { rootMargin: '400px' });
function lookForEnd() {
  end.unobserve($('show-more'));
  end.observe($('show-more'));
}

// The next page, below what is there. Resolves with whether there is one now.
async function more() {
  if (!listing || listing.done || $('main').getAttribute('aria-busy') === 'true') return false;
  const { signal } = running;
  const growing = listing;
  const hadFocus = document.activeElement === $('show-more');
  showError($('paging-error'), null);
  setBusy(true);
  try {
    const fresh = await growing.more(signal);
    gallery.append(fresh, kept());
    describe();
    if (hadFocus && growing.done && fresh.length) gallery.focus(fresh[0].id);
    if (record.isOpen) record.neighbours(neighbours(place.image));
  } catch (error) {
    if (signal.aborted) return false;
    $('show-more').hidden = true;
    showError($('paging-error'), error, () => more());
  }
  if (signal.aborted) return false;
  setBusy(false);
  if (!$('show-more').hidden) lookForEnd();
  return true;
}

// ---- the record ----

function neighbours(id) {
  const at = listing ? listing.items.findIndex((item) => item.id === id) : -1;
  return { at, previous: at > 0, next: at >= 0 && (at + 1 < listing.items.length || !listing.done) };
}

async function showRecord() {
  if (place.image === null) {
    const was = record.shown;
    if (!record.isOpen) return;
    record.close();
    if (!gallery.focus(was)) $('main').focus({ preventScroll: true });
    return;
  }
  if (!collections.current) return;
  const known = listing?.items.find(({ id }) => id === place.image);
  await record.open(collections.current, place.image, known, neighbours(place.image));
}

function openRecord(id) {
  const open = place.image !== null;
  place = { ...place, image: id };
  if (open) history.replaceState(history.state, '', here());
  else history.pushState({ list: key, opened: true }, '', here());
  showRecord();
}

function closeRecord() {
  if (place.image === null) return;
  place = { ...place, image: null };
  showRecord();
  // An entry of ours is left as with the browser's button; a link to a record becomes one to its list.
  if (history.state?.opened) history.back();
  else history.replaceState(history.state, '', here());
}

async function step(by) {
  const { at } = neighbours(place.image);
  if (at + by === listing.items.length) await more();
  const next = listing?.items[at + by];
  if (at >= 0 && next) openRecord(next.id);
}

function forget(collection, id) {
  const { at } = neighbours(id);
  for (const list of lists.values()) {
    if (list.collection === collection) list.remove(id);
  }
  const statistics = collections.get(collection);
  if (statistics?.images) --statistics.images;
  if (collections.current?.name !== collection) return;
  gallery.remove(id);
  describe();
  if (!place.query) updateIntroduction(collections.current);
  if (place.image !== id) return;
  const next = at < 0 ? null : listing.items[at] ?? listing.items[at - 1];
  if (next) openRecord(next.id);
  else closeRecord();
  if (!listing.items.length) draw(listing);
}

// ---- the address and the history ----

// With one collection its name would only be noise.
const here = () => address.write({ ...place, collection: collections.list.length > 1 || !collections.current ? place.collection ?? collections.current?.name : null });

function leave() {
  if (listing) listing.scroll = scrollY;
}

function go(next) {
  leave();
  const old = location.pathname + location.search;
  const wasFile = Boolean(lists.get(key)?.query?.file);
  place = { collection: next.collection ?? place.collection ?? collections.current?.name ?? null, query: next.query, image: null };
  // Entries of an earlier load of this page must not find another list under the same key.
  key = `${performance.timeOrigin}/${performance.now()}/${lists.size}`;
  if (place.query?.file) keep(new Listing(place.collection, place.query));
  const same = here() === old && !place.query?.file && !wasFile;
  history[same ? 'replaceState' : 'pushState']({ list: key }, '', here());
  record.close();
  box.show(place.query);
  if (document.activeElement !== $('query')) $('main').focus({ preventScroll: true });
  show();
}

// How much of a list was seen, and where: lists themselves do not outlive a reload. The history's state is not kept when it is changed as late
// as that.
const RELOAD_KEY = 'clipdex-reload';

function rememberForReload(seen) {
  try {
    sessionStorage.setItem(RELOAD_KEY, JSON.stringify(seen));
  } catch {
    // storage is switched off
  }
}

function beforeReload(list) {
  try {
    const seen = JSON.parse(sessionStorage.getItem(RELOAD_KEY));
    return list !== undefined && seen?.list === list ? seen : {};
  } catch {
    return {};
  }
}

function fromHistory() {
  leave();
  const { list } = history.state ?? {};
  const { number, scroll } = beforeReload(list);
  const onlyRecord = list !== undefined && list === key && listing;
  place = address.read();
  if (onlyRecord) {
    place.query = listing.query;
    showRecord();
    return;
  }
  key = list ?? `${performance.timeOrigin}/first`;
  if (list === undefined) history.replaceState({ list: key }, '');
  place.query = lists.get(key)?.query ?? place.query;
  record.close();
  box.show(place.query);
  show({ number, scroll });
}

// ---- files ----

function searchByFiles([file, ...others]) {
  if (others.length) showError($('error'), new Error('One picture at a time can be searched by.'));
  else if (!mayBePicture(file)) showError($('error'), new Error(`“${file.name}” is not a picture.`));
  else return go({ query: { file } });
  $('error').scrollIntoView({ block: 'nearest' });
}

async function upload(chosen) {
  try {
    const files = await chosen;
    if (!files.length) return say('There are no files in it.');
    if (!collections.loaded) await collections.load();
    const name = collections.current?.name ?? await collections.make(place.collection ?? FIRST_COLLECTION);
    if (name === null) return;
    if (!collections.current) go({ collection: name, query: null });
    await queue.add(files, name);
  } catch (error) {
    showError($('error'), error, mayPass(error) && (() => {
      showError($('error'), null);
      upload(chosen);
    }));
  }
}

// What was added belongs to lists that were seen before.
function uploaded() {
  const changed = new Set(queue.uploads.filter(({ state }) => state === 'created' || state === 'updated').map(({ collection }) => collection));
  if (!changed.size) return;
  for (const [each, list] of lists) {
    if (!list.query && changed.has(list.collection) && list !== listing) lists.delete(each);
  }
  collections.loaded = false;  // its number of pictures
  // It may be on its way to be shown: what was asked for before the upload ended does not have its pictures.
  if (!place.query && changed.has(listing?.collection ?? place.collection ?? collections.current?.name)) {
    const number = listing?.items.length || PAGE_SIZE;
    lists.delete(key);
    show({ number, scroll: scrollY });
  }
}

// ---- start ----

function start() {
  history.scrollRestoration = 'manual';
  $('home-link').addEventListener('click', (event) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    $('query').focus();
    go({ query: null });
  });
  $('show-more').addEventListener('click', () => more());
  // The next page is there before somebody reaches the end; the button is for the keyboard and for what goes wrong.
  lookForEnd();
  queue.addEventListener('finish', uploaded);
  listenForFiles({ onSearch: searchByFiles, onUpload: upload, target: () => (collections.current ? `“${collections.current.name}”` : 'a new collection') });
  addEventListener('popstate', fromHistory);
  addEventListener('pagehide', () => rememberForReload({ list: key, number: listing?.items.length, scroll: scrollY }));
  addEventListener('beforeunload', (event) => queue.busy && event.preventDefault());
  fromHistory();
}

start();
