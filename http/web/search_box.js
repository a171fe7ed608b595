// The search box: text, or a picture as a chip in it.
import { thumbnailUrl } from './api.js';
import { $ } from './dom.js';

export class SearchBox {
  // onSearch(query or null).
  constructor({ onSearch, onDown }) {
    this.onSearch = onSearch;
    $('form').addEventListener('submit', (event) => {
      event.preventDefault();
      const text = $('query').value.trim();
      if (text) onSearch({ text });
    });
    $('chip-remove').addEventListener('click', () => {
      $('query').focus();
      onSearch(null);
    });
    $('chip-image').addEventListener('error', () => $('chip-image').removeAttribute('src'));
    $('query').addEventListener('keydown', (event) => {
      if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;  // an input method's keys are not ours
      if (event.key === 'Backspace' && !$('query').value && !$('chip').hidden) onSearch(null);
      if (event.key === 'Escape') $('query').value = '';
      if (event.key === 'ArrowDown' && onDown()) event.preventDefault();
    });
    addEventListener('keydown', (event) => {
      const typing = event.target.closest('input, textarea, select, dialog');
      if (event.key !== '/' || typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      $('query').select();
    });
  }

  show(query) {
    const byPicture = query?.file || query?.id !== undefined;
    $('query').value = query?.text ?? '';
    $('query').placeholder = byPicture ? '' : 'Describe or drop a picture';
    $('chip').hidden = !byPicture;
    if (byPicture) this.name(query.file ? query.file.name || 'Pasted picture' : query.id);
    else document.title = query ? `${query.text} – clipdex` : 'clipdex';
  }

  name(name) {
    $('chip-text').textContent = name;
    document.title = `${name} – clipdex`;
  }

  showPicture(query, { collection, kept }) {
    URL.revokeObjectURL($('chip-image').src);
    $('chip-image').removeAttribute('src');
    if (query?.file) $('chip-image').src = URL.createObjectURL(query.file);
    else if (query?.id !== undefined && kept) $('chip-image').src = thumbnailUrl(collection, query.id);
  }
}
