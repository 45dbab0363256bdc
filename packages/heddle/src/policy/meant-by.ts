import { nearest } from "../call/nearest.ts";

/** The known word that a misspelt one may stand for; none for what is too long to be a word. */
export function meantBy(word: string, known: readonly string[]): string | undefined {
  return word.length > MAX_WORD ? undefined : nearest(word, known);
}

/** Comparing takes time with the length of a word, and whoever may set a config could send a very long one. */
const MAX_WORD = 100;
