/** The pictures of a request: its body, or the files of a form. */

import { RequestError } from "../requestError.js";

export interface PicturePart {
  readonly bytes: Uint8Array;
  /** The file's name, if the client gave one. */
  readonly source: string | undefined;
}

export interface RequestParts {
  readonly pictures: readonly PicturePart[];
  /** Options given as fields of a form. */
  readonly fields: readonly (readonly [string, string])[];
}

/** @throws RequestError 400 for a form that cannot be read, and for no picture. */
export async function partsOf(bytes: Uint8Array, contentType: string | undefined): Promise<RequestParts> {
  const isForm = /^multipart\/form-data\b/i.test(contentType ?? "");
  const parts = isForm
    ? await formParts(bytes, contentType ?? "")
    : { pictures: [{ bytes, source: undefined }], fields: [] };
  if (parts.pictures.every((picture) => picture.bytes.length === 0)) {
    throw new RequestError(
      400,
      "request",
      "there is no picture; send the bytes of a picture file as the body, or files of a form (multipart/form-data)",
    );
  }
  return parts;
}

async function formParts(bytes: Uint8Array, contentType: string): Promise<RequestParts> {
  let form: FormData;
  try {
    // The platform's own parser; everything is in memory already, within the limits of bodies.
    form = await new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": contentType },
    }).formData();
  } catch {
    throw new RequestError(400, "request", "the form cannot be read; send it as multipart/form-data with a boundary");
  }
  const pictures: PicturePart[] = [];
  const fields: (readonly [string, string])[] = [];
  for (const [name, value] of form) {
    if (typeof value === "string") fields.push([name, value]);
    else pictures.push({ bytes: new Uint8Array(await value.arrayBuffer()), source: value.name || undefined });
  }
  return { pictures, fields };
}
