// What the page shows, as its address: /?collection=NAME&q=TEXT, or &id=ID for what is like a picture, and &image=ID while a record is open.
// A query by a file has no address; its history entry has a key to it.

export function read() {
  const parameters = new URLSearchParams(location.search);
  const id = parameters.get('id');
  const text = parameters.get('q');
  return { collection: parameters.get('collection'), query: id !== null ? { id } : text ? { text } : null, image: parameters.get('image') };
}

export function write({ collection, query, image }) {
  const parameters = new URLSearchParams();
  if (collection) parameters.set('collection', collection);
  if (query?.text !== undefined) parameters.set('q', query.text);
  if (query?.id !== undefined) parameters.set('id', query.id);
  if (image !== null) parameters.set('image', image);
  return parameters.size ? `/?${parameters}` : '/';
}
