// Files that come to the page: dropped on it, pasted, chosen. A drop says where it goes: one zone searches, the other adds to the collection.
import { $ } from './dom.js';

const hasFiles = (event) => event.dataTransfer?.types.includes('Files');

// All files of a dropped folder; hidden ones are not meant.
async function filesBelow(entry, path) {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: path + entry.name }];
  }
  const reader = entry.createReader();
  const found = [];
  // A directory is read in parts; an empty one is the end.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return found;
    for (const each of part) found.push(...await filesBelow(each, `${path}${entry.name}/`));
  }
}

// [{file, name}]: name has the path below a dropped folder.
async function dropped(transfer) {
  // Both are gone from the event after the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files].map((file) => ({ file, name: file.name }));
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const found = await Promise.all(entries.filter(Boolean).map((entry) => filesBelow(entry, '')));
  return found.flat();
}

// onSearch(files), onUpload([{file, name}] or a promise of it), target(): what the collection is called where a drop goes.
export function listenForFiles({ onSearch, onUpload, target }) {
  const chosen = (input, use) => {
    $(input).addEventListener('change', () => {
      const files = [...$(input).files];
      $(input).value = '';  // so that the same file can be chosen again
      if (files.length) use(files);
    });
  };
  chosen('file', onSearch);
  chosen('upload-files', (files) => onUpload(files.map((file) => ({ file, name: file.name }))));
  $('choose').addEventListener('click', () => $('file').click());
  $('add').addEventListener('click', () => $('upload-files').click());
  addEventListener('paste', (event) => {
    if (!event.clipboardData.files.length || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    onSearch([...event.clipboardData.files]);
  });
  listenForDrops(onSearch, onUpload, target);
}

function listenForDrops(onSearch, onUpload, target) {
  let depth = 0;  // dragenter and dragleave also fire for children
  const setDepth = (value) => {
    depth = Math.max(0, value);
    $('drop-target').textContent = target();
    $('drop').hidden = depth === 0;
  };
  const zoneOf = (event) => (event.target.closest('#drop-search, header') ? $('drop-search') : $('drop-upload'));
  const light = (zone) => {
    for (const each of [$('drop-search'), $('drop-upload')]) each.classList.toggle('over', each === zone);
  };
  const takes = (event) => hasFiles(event) && !document.querySelector('dialog[open]');
  addEventListener('dragenter', (event) => takes(event) && setDepth(depth + 1));
  addEventListener('dragleave', (event) => takes(event) && setDepth(depth - 1));
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (takes(event)) light(zoneOf(event));
    else event.dataTransfer.dropEffect = 'none';
  });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();  // the browser would leave the page for the file
    if (!takes(event)) return;
    setDepth(0);
    if (zoneOf(event) === $('drop-search')) onSearch([...event.dataTransfer.files]);
    else onUpload(dropped(event.dataTransfer));
  });
}
