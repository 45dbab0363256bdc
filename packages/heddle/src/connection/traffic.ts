/** Bytes that connections have carried, counted together: those of a channel, or of a server. */
export interface Traffic {
  sent: number;
  received: number;
}
