// Numbers, dates and records as people read them.

export const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

export function bytes(number) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = number;
  for (; value >= 1000 && unit < units.length - 1; ++unit) value /= 1000;
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export const date = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

// What a record is called: its caption or title, else its file's name, else its id.
export function captionOf(record) {
  const caption = record.metadata?.caption ?? record.metadata?.title;
  return typeof caption === 'string' && caption.trim() ? caption.trim() : record.source || record.id;
}
