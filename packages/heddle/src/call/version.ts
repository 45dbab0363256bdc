/** The version of this package, as it stands in `user-agent`. Held equal to package.json by a test. */
export const VERSION = "0.1.0";
