/** The monotonic clock, which all processes of a machine share, in ns: a time of one process can be taken from another's. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
