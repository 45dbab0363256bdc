/** Where `heddle control` listens, and everybody looks for it, when nothing else is said: this machine only. */
export const DEFAULT_REGISTRY_ADDRESS = "127.0.0.1:4747";
