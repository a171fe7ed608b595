// What stands above a collection that is looked at without a query; and for an empty one, how to fill it.
import { collectionPath } from './api.js';
import { $, button, copy, element } from './dom.js';
import { captionOf, count } from './format.js';

const DEMO_EXAMPLES = ['a red apple', 'cat and pizza', '火箭'];
const EXAMPLE_LENGTH_MAX = 40;
const DEFAULT_ORIGIN = 'http://127.0.0.1:8080';  // what the command line takes without --server
export const FIRST_COLLECTION = 'photos';

const sample = (list, number) => (list.length <= number ? list : Array.from({ length: number }, (_, i) => list[Math.floor((i * list.length) / number)]));

function examplesFor(collection, records) {
  if (collection === 'gallery' && records[0]?.metadata?.caption_zh) return DEMO_EXAMPLES;
  const captions = records.filter(({ metadata }) => metadata?.caption ?? metadata?.title).map(captionOf);
  return sample([...new Set(captions.filter((caption) => caption.length <= EXAMPLE_LENGTH_MAX))], 3);
}

const heading = (collection) => `Search ${count(collection.images, 'picture')} by what is in them`;

// After pictures are gone.
export function updateIntroduction(collection) {
  const shown = $('home').querySelector('h1');
  if (shown) shown.textContent = heading(collection);
}

export function showIntroduction(collection, records, onSearch) {
  const box = document.createElement('div');
  element('h1', heading(collection), box);
  const texts = examplesFor(collection.name, records);
  if (texts.length) {
    const examples = element('div', '', box);
    examples.className = 'examples';
    element('span', 'Try', examples);
    for (const text of texts) button(text, examples, () => onSearch({ text })).dir = 'auto';
  }
  $('home').replaceChildren(...box.childNodes);
}

function commands(parent, title, lines) {
  const section = element('section', '', parent);
  section.className = 'commands';
  element('h2', title, section);
  const text = lines.join('\n');
  element('pre', text, section);
  const press = button('Copy', section, () => copy(text, 'Command'));
  press.setAttribute('aria-label', `Copy: ${title}`);
}

// collection: null if there is none yet.
export function showHowToIngest(collection, { onChoose, onRetry }) {
  const box = element('div', '');
  box.className = 'empty';
  element('h1', collection ? `The collection “${collection.name}” is empty` : 'No pictures yet', box);
  const add = element('div', '', box);
  add.className = 'add';
  element('p', 'Drop pictures or folders here, or', add);
  button('Choose pictures', add, onChoose).className = 'primary';
  const name = collection?.name ?? FIRST_COLLECTION;
  const url = location.origin + collectionPath(name);
  const server = location.origin === DEFAULT_ORIGIN ? '' : ` --server ${location.origin}`;
  commands(box, 'A folder, from a terminal', [`clipdex ingest ~/Pictures --collection ${name}${server}`]);
  commands(box, 'One picture, with curl', [...(collection ? [] : [`curl -X PUT ${url}`]), `curl -F file=@picture.jpg ${url}/images`]);
  button('Look again', box, onRetry).id = 'look-again';
  $('home').replaceChildren(box);
}

export function showUnusable(unusable) {
  for (const { name, reason } of unusable) element('p', `The collection “${name}” cannot be used: ${reason}`, $('home')).className = 'note';
}
