/**
 * A header block that was encoded once and is sent again as it is, for as long as the encoder's table stands
 * still: most calls of a method differ in nothing that their header blocks say.
 */
export interface KeptBlock {
  /** `HpackEncoder.generation` while the block was encoded; under another one it means something else. */
  readonly generation: number;
  readonly bytes: Uint8Array;
}
