'use strict';
// The query is one of {text}, {id}, {file}; text and id live in the address, so that results can be linked and "back" works.

const LIMIT = 40;
const $ = (id) => document.getElementById(id);
let query = null;
let collections = [];
let running = 0;

const current = () => $('collection').value;
const path = (...segments) => '/v1/collections/' + segments.map(encodeURIComponent).join('/');
const thumbnail = (id) => path(current(), 'images', id) + '/content?size=thumbnail';

async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Error('The server does not answer. Is clipdex still running?');
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error?.message ?? `The server answered with status ${answer.status}.`);
  return body;
}

function showError(message) {
  $('error').textContent = message;
  $('error').hidden = !message;
}

function captionOf(hit) {
  const caption = hit.metadata?.caption ?? hit.metadata?.title;
  return typeof caption === 'string' && caption ? caption : hit.source || hit.id;
}

function card(hit) {
  const item = $('card').content.firstElementChild.cloneNode(true);
  const image = item.querySelector('img');
  image.src = thumbnail(hit.id);
  image.alt = captionOf(hit);
  item.dataset.id = hit.id;
  item.querySelector('.caption').textContent = captionOf(hit);
  item.querySelector('.caption').title = hit.id;
  item.querySelector('.score').textContent = hit.score.toFixed(3);
  item.querySelector('.more').addEventListener('click', () => go({ id: hit.id }));
  return item;
}

function showChip() {
  const byImage = query && (query.id !== undefined || query.file);
  $('chip').hidden = !byImage;
  if (!byImage) return;
  if ($('chip-image').src.startsWith('blob:')) URL.revokeObjectURL($('chip-image').src);
  $('chip-image').src = query.file ? URL.createObjectURL(query.file) : thumbnail(query.id);
  $('chip-text').textContent = query.file ? query.file.name || 'pasted image' : query.id;
}

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

function showEmpty() {
  const box = $('empty');
  box.replaceChildren();
  const chosen = collections.find((c) => c.name === current());
  box.hidden = Boolean(query);
  if (query) return;
  if (!chosen || chosen.images === 0) {
    element('h1', chosen ? `The collection “${chosen.name}” is empty` : 'No pictures yet', box);
    element('p', 'Ingest a folder, then reload this page:', box);
    element('pre', `clipdex ingest ~/Pictures --server ${location.origin}${chosen ? ' --collection ' + chosen.name : ''}`, box);
    return;
  }
  element('h1', `Search ${chosen.images.toLocaleString()} pictures`, box);
  element('p', 'by a description, or by dropping, pasting or choosing a picture.', box);
  const examples = element('div', '', box);
  examples.className = 'examples';
  for (const text of ['a red apple', 'cat and pizza', '火箭']) element('button', text, examples).addEventListener('click', () => go({ text }));
}

function searchOptions() {
  if (query.file) {
    const form = new FormData();
    form.append('image', query.file);
    form.append('limit', LIMIT);
    return { method: 'POST', body: form };
  }
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ...query, limit: LIMIT }) };
}

async function search() {
  const number = ++running;
  showError('');
  showChip();
  showEmpty();
  if (!query) {
    $('results').replaceChildren();
    $('status').textContent = '';
    document.title = 'clipdex';
    return;
  }
  $('query').value = query.text ?? '';
  document.title = (query.text ?? 'similar pictures') + ' – clipdex';
  $('results').classList.add('loading');
  $('status').textContent = 'Searching …';
  try {
    const result = await ask(path(current(), 'search'), searchOptions());
    if (number !== running) return;  // a newer search has begun
    $('results').replaceChildren(...result.hits.map(card));
    const took = result.took_ms.total.toFixed(1);
    $('status').textContent = result.hits.length ? `${result.hits.length} best matches in ${took} ms` : 'Nothing found.';
  } catch (error) {
    if (number !== running) return;
    $('results').replaceChildren();
    $('status').textContent = '';
    showError(error.message);
  } finally {
    if (number === running) $('results').classList.remove('loading');
  }
}

function address() {
  const parameters = new URLSearchParams();
  if (collections.length > 1) parameters.set('collection', current());
  if (query?.text !== undefined) parameters.set('q', query.text);
  if (query?.id !== undefined) parameters.set('id', query.id);
  const text = parameters.toString();
  return text ? '/?' + text : '/';
}

function go(next) {
  query = next;
  history.pushState(null, '', address());
  scrollTo({ top: 0 });
  search();
}

function fromAddress() {
  const parameters = new URLSearchParams(location.search);
  const name = parameters.get('collection');
  if (name && collections.some((c) => c.name === name)) $('collection').value = name;
  query = parameters.has('id') ? { id: parameters.get('id') } : parameters.get('q') ? { text: parameters.get('q') } : null;
  search();
}

function searchByFile(file) {
  if (!file) return;
  if (!file.type.startsWith('image/')) return showError(`“${file.name}” is not a picture.`);
  go({ file });
}

function listen() {
  $('search').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('query').value.trim();
    if (text) go({ text });
  });
  $('choose').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => {
    searchByFile($('file').files[0]);
    $('file').value = '';
  });
  $('chip-remove').addEventListener('click', () => { go(null); $('query').focus(); });
  $('collection').addEventListener('change', () => go(query?.text !== undefined ? query : null));
  $('home').addEventListener('click', (event) => { event.preventDefault(); $('query').value = ''; go(null); $('query').focus(); });
  addEventListener('popstate', fromAddress);
  let depth = 0;  // dragenter and dragleave also fire for children
  addEventListener('dragenter', (event) => { event.preventDefault(); ++depth; $('drop').hidden = false; });
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('dragleave', () => { if (--depth <= 0) { depth = 0; $('drop').hidden = true; } });
  addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    $('drop').hidden = true;
    searchByFile(event.dataTransfer.files[0]);
  });
  addEventListener('paste', (event) => {
    if (event.clipboardData.files.length) searchByFile(event.clipboardData.files[0]);
  });
  addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== $('query')) { event.preventDefault(); $('query').select(); }
    if (event.key === 'Escape' && document.activeElement === $('query')) $('query').value = '';
  });
}

async function start() {
  listen();
  try {
    collections = (await ask('/v1/collections')).collections;
    for (const { name } of collections) element('option', name, $('collection')).value = name;
    $('collection').hidden = collections.length < 2;
    // The largest one is most likely what somebody looks for.
    if (collections.length) $('collection').value = collections.reduce((a, b) => (b.images > a.images ? b : a)).name;
    fromAddress();
  } catch (error) {
    showError(error.message);
  }
}

start();
