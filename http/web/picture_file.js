// Files as pictures to search by.

const BYTES_MAX = 8 << 20;  // larger ones are made smaller first: the model looks at far fewer pixels anyway
const SIDE_MAX = 1024;
const SERVER_READS = ['jpeg', 'png', 'webp', 'gif', 'heic', 'heif', 'avif', 'tiff', 'bmp'];

// A file without a type may be a picture all the same: the server looks at its bytes.
export const mayBePicture = (file) => !file.type || file.type.startsWith('image/');

// The file as something the server reads: other formats, and very large pictures, are drawn anew by the browser.
export async function searchable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error(`“${file.name}” cannot be read.`);
  }
  const read = !file.type || SERVER_READS.some((name) => file.type === `image/${name}`);
  if (read && file.size <= BYTES_MAX) return file;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, SIDE_MAX / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  } catch {
    return file;  // the server says what is wrong with it
  }
}
