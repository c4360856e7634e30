/** `page: address` of every broken link below `folder`, a site built for `base`. */
export function brokenLinks(folder: string, base: string): string[];
