/** Numbers and names that nobody may use again: what is missing from them now. */

interface Reservations {
  readonly reservedRange: readonly { readonly start: number; readonly end: number }[];
  readonly reservedName: readonly string[];
}

/** In words, for each of them. `last` is 1 where the end of a range is inside of it. */
export function lostReservations(before: Reservations, after: Reservations, last: 0 | 1): readonly string[] {
  const names = before.reservedName.filter((name) => !after.reservedName.includes(name));
  const ranges = before.reservedRange
    .map(({ start, end }) => ({ start, end: end + last }))
    .filter((range) => !isCovered(range, after.reservedRange, last));
  return [
    ...names.map((name) => `the name ${name}`),
    ...ranges.map(({ start, end }) =>
      end - start === 1 ? `the number ${start}` : `the numbers ${start} to ${end - 1}`,
    ),
  ];
}

function isCovered(
  { start, end }: { readonly start: number; readonly end: number },
  ranges: Reservations["reservedRange"],
  last: 0 | 1,
): boolean {
  let covered = start;
  for (const range of ranges.toSorted((a, b) => a.start - b.start))
    if (range.start <= covered && range.end + last > covered) covered = range.end + last;
  return covered >= end;
}
