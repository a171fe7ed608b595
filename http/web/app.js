'use strict';
// What is asked is one of {text}, {id}, {file}, or null on the home view. Text, id and collection live in the address, so that results can be linked;
// a file lives in this page's memory for as long as it is open, and its history entry has the key.

const PAGE_SIZE = 40;
const WINDOW_MAX = 10_000;        // limit + offset of the server's search
const UPLOAD_BYTES_MAX = 8 << 20;  // larger pictures are made smaller first: the model looks at far fewer pixels anyway
const UPLOAD_SIDE_MAX = 1024;
const MOSAIC_TILES = 24;           // divisible by every number of columns in style.css
const DEMO_EXAMPLES = ['a red apple', 'cat and pizza', '火箭'];

const $ = (id) => document.getElementById(id);
const files = new Map();
let query = null;
let collections = [];
let unusable = [];
let running = new AbortController();

class Unreachable extends Error {}

const collection = () => collections.find((c) => c.name === $('collection').value);
const path = (...segments) => '/v1/collections/' + segments.map(encodeURIComponent).join('/');
const thumbnail = (id) => path(collection().name, 'images', id) + '/content?size=thumbnail';
const hasThumbnails = () => collection()?.settings.store !== 'none';
const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Unreachable('The server does not answer. Is clipdex still running?');
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok || !body) throw new Error(sentence(body?.error?.message ?? `the server answered with status ${answer.status}`));
  return body;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

function showError(error) {
  $('error').replaceChildren();
  $('error').hidden = !error;
  if (!error) return;
  element('p', error.message, $('error'));
  if (error instanceof Unreachable) element('button', 'Try again', $('error')).addEventListener('click', () => show());
  $('error').scrollIntoView({ block: 'nearest' });
}

// ---- the home view ----

function captionOf(record) {
  const caption = record.metadata?.caption ?? record.metadata?.title;
  return typeof caption === 'string' && caption.trim() ? caption.trim() : record.source || record.id;
}

// number of the list's elements, evenly spread.
const sample = (list, number) => (list.length <= number ? list : Array.from({ length: number }, (_, i) => list[Math.floor((i * list.length) / number)]));

function examplesFor(records) {
  if (collection().name === 'gallery' && records[0]?.metadata?.caption_zh) return DEMO_EXAMPLES;
  const captions = records.filter((r) => r.metadata?.caption ?? r.metadata?.title).map(captionOf);
  return sample([...new Set(captions.filter((caption) => caption.length <= 40))], 3);
}

function showMosaic(records, parent) {
  const list = element('ul', '', parent);
  list.id = 'mosaic';
  list.setAttribute('aria-label', 'Some of the pictures');
  for (const record of sample(records, MOSAIC_TILES)) {
    const button = element('button', '', element('li', '', list));
    button.className = 'tile';
    button.type = 'button';
    button.title = `More like ${captionOf(record)}`;
    const image = element('img', '', button);
    image.alt = button.title;
    image.src = thumbnail(record.id);
    image.addEventListener('error', () => button.parentElement.remove());
    button.addEventListener('click', () => go({ id: record.id }));
  }
}

function showHowToIngest(box) {
  const chosen = collection();
  element('h1', chosen ? `The collection “${chosen.name}” is empty` : 'No pictures yet', box).className = 'title';
  element('p', 'Add a folder of pictures from a terminal:', box);
  const server = location.origin === 'http://127.0.0.1:8080' ? '' : ` --server ${location.origin}`;
  element('pre', `clipdex ingest ~/Pictures --collection ${chosen?.name ?? 'photos'}${server}`, box);
  element('button', 'Look again', box).addEventListener('click', () => show());
}

async function showHome(signal) {
  const box = document.createElement('div');
  const chosen = collection();
  if (chosen?.images) {
    // Some hundred are enough for a varied sample, and quick to list.
    const { images } = await ask(path(chosen.name, 'images') + '?limit=200', { signal });
    element('h1', `Search ${count(chosen.images, 'picture')} by what is in them`, box);
    const examples = element('div', '', box);
    examples.className = 'examples';
    for (const text of examplesFor(images)) element('button', text, examples).addEventListener('click', () => go({ text }));
    if (hasThumbnails()) showMosaic(images, box);
  } else {
    showHowToIngest(box);
  }
  for (const { name, reason } of unusable) element('p', `The collection “${name}” cannot be used: ${reason}`, box).className = 'note';
  if (!signal.aborted) $('home').replaceChildren(...box.childNodes);
}

// ---- results ----

function clearResults() {
  $('results').replaceChildren();
  $('status').textContent = '';
  $('show-more').hidden = true;
}

function card(hit) {
  const item = $('card').content.firstElementChild.cloneNode(true);
  const image = item.querySelector('img');
  const caption = captionOf(hit);
  item.dataset.id = hit.id;
  item.title = caption === hit.id ? caption : `${caption}\n${hit.id}`;
  item.querySelector('.caption').textContent = caption;
  item.querySelector('.score').textContent = hit.score.toFixed(3);
  const more = item.querySelector('.more');
  more.setAttribute('aria-label', `More like this: ${caption}`);
  more.addEventListener('click', () => go({ id: hit.id }));
  image.classList.toggle('tiny', Math.max(hit.width, hit.height) < 96);
  image.addEventListener('error', () => image.remove());
  if (hasThumbnails()) image.src = thumbnail(hit.id);
  else image.remove();
  return item;
}

// The file as something the server reads: other formats, and very large pictures, are drawn anew by the browser.
async function uploadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error(`“${file.name}” cannot be read.`);
  }
  const read = ['jpeg', 'png', 'webp', 'gif', 'heic', 'heif', 'avif', 'tiff', 'bmp'].some((name) => file.type === `image/${name}`);
  if ((read || !file.type) && file.size <= UPLOAD_BYTES_MAX) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, UPLOAD_SIDE_MAX / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  } catch {
    return file;  // the server says what is wrong with it
  }
}

async function searchOptions(offset, signal) {
  if (query.file) {
    const form = new FormData();
    form.append('image', await uploadable(query.file), 'query');
    form.append('limit', PAGE_SIZE);
    form.append('offset', offset);
    return { method: 'POST', body: form, signal };
  }
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ...query, limit: PAGE_SIZE, offset }), signal };
}

async function showResults(offset, signal) {
  const { hits, took_ms } = await ask(path(collection().name, 'search'), await searchOptions(offset, signal));
  if (signal.aborted) return;
  const cards = hits.map(card);
  if (offset) $('results').append(...cards);
  else $('results').replaceChildren(...cards);
  const shown = $('results').childElementCount;
  $('show-more').hidden = hits.length < PAGE_SIZE || shown >= Math.min(collection().images, WINDOW_MAX - PAGE_SIZE);
  $('status').textContent = shown ? `Best ${shown} of ${count(collection().images, 'picture')} in ${took_ms.total.toFixed(1)} ms` : 'Nothing found.';
  const itself = hits.find((hit) => hit.id === query.id);
  if (itself) nameQuery(captionOf(itself));
}

// ---- the query ----

function nameQuery(name) {
  $('chip-text').textContent = name;
  document.title = `${name} – clipdex`;
}

function showChipImage() {
  URL.revokeObjectURL($('chip-image').src);
  $('chip-image').removeAttribute('src');
  if (query?.file) $('chip-image').src = URL.createObjectURL(query.file);
  else if (query?.id !== undefined && hasThumbnails()) $('chip-image').src = thumbnail(query.id);
}

function setQuery(next) {
  query = next;
  const byPicture = query?.file || query?.id !== undefined;
  document.body.classList.toggle('home', !query);
  $('query').value = query?.text ?? '';
  $('query').placeholder = byPicture ? '' : 'Describe or drop a picture';
  $('chip').hidden = !byPicture;
  if (byPicture) nameQuery(query.file ? query.file.name || 'Pasted picture' : query.id);
  else document.title = query ? `${query.text} – clipdex` : 'clipdex';
  if (!query) clearResults();
}

// The address's collection, else the largest: it is most likely what somebody looks for.
function chooseCollection() {
  const largest = collections.reduce((a, b) => (b.images > a.images ? b : a), collections[0]);
  const name = new URLSearchParams(location.search).get('collection') ?? largest?.name ?? '';
  const bad = unusable.find((c) => c.name === name);
  if (bad) throw new Error(`The collection “${name}” cannot be used: ${sentence(bad.reason)}`);
  if (name && !collections.some((c) => c.name === name)) throw new Error(`There is no collection “${name}” here.`);
  $('collection').value = name;
}

async function loadCollections(signal) {
  const answer = await ask('/v1/collections', { signal });
  if (signal.aborted) return;
  ({ collections, unusable } = answer);
  $('collection').replaceChildren(...collections.map(({ name }) => new Option(name)));
  $('collection').hidden = collections.length < 2;
}

// Shows what is asked, or its results from offset on; what was under way is given up.
async function show(offset = 0) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  showError(null);
  $('main').setAttribute('aria-busy', 'true');
  try {
    // The home view tells what is there now.
    if (!query || !collections.length) await loadCollections(signal);
    if (signal.aborted) return;
    chooseCollection();
    if (!collections.length) setQuery(null);
    if (!offset) showChipImage();
    await (query ? showResults(offset, signal) : showHome(signal));
  } catch (error) {
    if (signal.aborted) return;
    if (!offset) clearResults();
    showError(error);
  }
  if (!signal.aborted) $('main').setAttribute('aria-busy', 'false');
}

// ---- the address and the history ----

function address() {
  const parameters = new URLSearchParams();
  if (collections.length > 1) parameters.set('collection', $('collection').value);
  if (query?.text !== undefined) parameters.set('q', query.text);
  if (query?.id !== undefined) parameters.set('id', query.id);
  return parameters.size ? `/?${parameters}` : '/';
}

function go(next) {
  setQuery(next);
  let state = null;
  if (query?.file) {
    // Entries of an earlier load of this page must not find another file under the same key.
    state = { file: `${performance.timeOrigin}/${files.size}` };
    files.set(state.file, query.file);
  }
  const same = address() === location.pathname + location.search && !state && !history.state;
  if (!same) history.pushState(state, '', address());
  if (document.activeElement !== $('query')) $('main').focus({ preventScroll: true });
  scrollTo({ top: 0 });
  show();
}

function fromHistory() {
  const parameters = new URLSearchParams(location.search);
  const file = files.get(history.state?.file);
  if (file) setQuery({ file });
  else if (parameters.has('id')) setQuery({ id: parameters.get('id') });
  else setQuery(parameters.get('q') ? { text: parameters.get('q') } : null);
  show();
}

// ---- events ----

function searchByFile(file) {
  if (!file) return;
  // A file without a type may be a picture all the same: the server looks at its bytes.
  if (file.type && !file.type.startsWith('image/')) showError(new Error(`“${file.name}” is not a picture.`));
  else go({ file });
}

function listenForFiles() {
  $('choose').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => {
    searchByFile($('file').files[0]);
    $('file').value = '';  // so that the same file can be chosen again
  });
  addEventListener('paste', (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    searchByFile(event.clipboardData.files[0]);
  });
  const hasFiles = (event) => event.dataTransfer.types.includes('Files');
  let depth = 0;  // dragenter and dragleave also fire for children
  const setDepth = (value) => {
    depth = Math.max(0, value);
    $('drop').hidden = depth === 0;
  };
  addEventListener('dragenter', (event) => hasFiles(event) && setDepth(depth + 1));
  addEventListener('dragleave', (event) => hasFiles(event) && setDepth(depth - 1));
  addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setDepth(0);
    searchByFile(event.dataTransfer.files[0]);
  });
}

// Arrow keys move between the pictures, which lie in rows.
function moveAmongPictures(event) {
  const pictures = [...document.querySelectorAll(query ? '.more' : '.tile')];
  const at = pictures.indexOf(document.activeElement);
  const top = (picture) => picture.getBoundingClientRect().top;
  const columns = pictures.filter((picture) => top(picture) === top(pictures[0])).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (!step || (at < 0 && !(event.key === 'ArrowDown' && document.activeElement === $('query')))) return;
  event.preventDefault();
  if (at < 0) pictures[0]?.focus();
  else if (event.key === 'ArrowUp' && at < columns) $('query').focus();
  else pictures[at + step]?.focus();
}

function onKey(event) {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;  // an input method's keys are not ours
  if (event.target === $('query')) {
    if (event.key === 'Backspace' && !$('query').value && !$('chip').hidden) go(null);
    if (event.key === 'Escape') $('query').value = '';
  } else if (event.key === '/' && event.target.tagName !== 'SELECT') {
    event.preventDefault();
    $('query').select();
  }
  moveAmongPictures(event);
}

function start() {
  $('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('query').value.trim();
    if (text) go({ text });
  });
  $('chip-remove').addEventListener('click', () => {
    $('query').focus();
    go(null);
  });
  $('chip-image').addEventListener('error', () => $('chip-image').removeAttribute('src'));
  $('home-link').addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // opens another tab
    event.preventDefault();
    $('query').focus();
    go(null);
  });
  // A picture of one collection is not in the other.
  $('collection').addEventListener('change', () => go(query?.id === undefined ? query : null));
  $('show-more').addEventListener('click', () => show($('results').childElementCount));
  addEventListener('popstate', fromHistory);
  listenForFiles();
  addEventListener('keydown', onKey);
  fromHistory();
}

start();
