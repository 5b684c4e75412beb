/** Reading of the data block: base64 of gzip of JSON. */
import type { Page } from "../payload";

export async function readPage(block: string): Promise<Page> {
  const packed = Uint8Array.from(atob(block.trim()), (character) => character.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(plain).json()) as Page;
}
