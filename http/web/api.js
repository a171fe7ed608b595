// The server's REST interface, as far as the page uses it (docs/api.md).
import { sentence } from './format.js';

export class Unreachable extends Error {
  constructor() {
    super('The server does not answer. Is clipdex still running?');
  }
}

export class Refused extends Error {
  constructor(status, error) {
    super(sentence(error?.message ?? `the server answered with status ${status}`));
    this.status = status;
  }
}

// Whether the same request may succeed later.
export const mayPass = (error) => error instanceof Unreachable || error.status === 429 || error.status >= 500;

// The answer's JSON; null for one without a body.
export async function ask(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Unreachable();
  }
  if (answer.status === 204) return null;
  const body = await answer.json().catch(() => null);
  if (!answer.ok || !body) throw new Refused(answer.status, body?.error);
  return body;
}

const json = (method, body) => ({ method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export const collectionPath = (...segments) => '/v1/collections/' + segments.map(encodeURIComponent).join('/');
const imagePath = (collection, id) => collectionPath(collection, 'images', id);

export const thumbnailUrl = (collection, id) => `${imagePath(collection, id)}/content?size=thumbnail`;
export const originalUrl = (collection, id) => `${imagePath(collection, id)}/content?size=original`;

export const info = () => ask('/v1/info');
export const listCollections = (signal) => ask('/v1/collections', { signal });
export const createCollection = (name, settings) => ask(collectionPath(name), json('PUT', settings));
export const getRecord = (collection, id, signal) => ask(imagePath(collection, id), { signal });
export const deleteRecord = (collection, id) => ask(imagePath(collection, id), { method: 'DELETE' });

export function listImages(collection, limit, cursor, signal) {
  const parameters = new URLSearchParams({ limit });
  if (cursor) parameters.set('cursor', cursor);
  return ask(`${collectionPath(collection, 'images')}?${parameters}`, { signal });
}

// query: {text}, {id} or {picture}, a Blob.
export function search(collection, query, limit, offset, signal) {
  const url = collectionPath(collection, 'search');
  if (!query.picture) return ask(url, { ...json('POST', { ...query, limit, offset }), signal });
  const form = new FormData();
  form.append('image', query.picture, 'query');
  form.append('limit', limit);
  form.append('offset', offset);
  return ask(url, { method: 'POST', body: form, signal });
}
