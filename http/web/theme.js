// Runs before the page is drawn, so that a chosen scheme does not flash in late. Without a choice the page follows the system.
'use strict';
(() => {
  const KEY = 'clipdex-theme';
  const ORDER = ['auto', 'light', 'dark'];
  const GROUND = { light: '#faf9f7', dark: '#151517' };

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return ORDER.includes(value) ? value : 'auto';
    } catch {
      return 'auto';  // storage is switched off
    }
  }

  function apply(theme) {
    document.documentElement.dataset.theme = theme;
    for (const meta of document.querySelectorAll('meta[name=theme-color]')) {
      meta.content = GROUND[theme] ?? (meta.media.includes('dark') ? GROUND.dark : GROUND.light);
    }
  }

  apply(stored());
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const names = { auto: 'as the system', light: 'light', dark: 'dark' };
    const label = () => {
      button.title = `Colours: ${names[stored()]}`;
      button.setAttribute('aria-label', `${button.title}. Change`);
    };
    button.addEventListener('click', () => {
      const next = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme) + 1) % ORDER.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // the choice holds for as long as the page is open
      }
      apply(next);
      button.title = `Colours: ${names[next]}`;
      button.setAttribute('aria-label', `${button.title}. Change`);
    });
    label();
  });
  addEventListener('storage', (event) => event.key === KEY && apply(stored()));
})();
