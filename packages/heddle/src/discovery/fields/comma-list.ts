/** "a, b" as a list. Empty parts are left out; nothing is a list of nothing. */
export function readCommaList(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
