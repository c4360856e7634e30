/** What `--source` comes down to, one by one. */

/** One picture or video to read, or the reason why a source gives none. */
export type SourceItem =
  | {
      /** As it is shown. */
      readonly source: string;
      /** How it is reached, where that holds a password which `source` must not show. */
      readonly address?: string;
      readonly video?: boolean;
      readonly error?: undefined;
    }
  | { readonly source: string; readonly address?: undefined; readonly video?: undefined; readonly error: string };
