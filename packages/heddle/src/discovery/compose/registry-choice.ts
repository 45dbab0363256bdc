/** A registry's URL, or several put together: all that any knows, or the next only while those before know nothing. */
export type RegistryChoice =
  | string
  | { readonly union: readonly string[] }
  | { readonly fallback: readonly string[] };
