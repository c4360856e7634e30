/** One entry of `--source`, resolved. */

/** One picture or video to read, or the reason why a source has none. */
export type SourceItem =
  | {
      /** The name to show. */
      readonly source: string;
      /** The actual address, if it contains a password that `source` must not show. */
      readonly address?: string;
      readonly video?: boolean;
      readonly error?: undefined;
    }
  | { readonly source: string; readonly address?: undefined; readonly video?: undefined; readonly error: string };
