/** The whole table. */
import type { Case } from "../link.ts";
import { cancellation } from "./cancellation.ts";
import { deadlines } from "./deadlines.ts";
import { errors } from "./errors.ts";
import { kinds } from "./kinds.ts";
import { compression, metadata } from "./metadata.ts";
import { largeMessages, limits } from "./sizes.ts";

export const allCases: readonly Case[] = [
  ...kinds,
  ...errors,
  ...metadata,
  ...compression,
  ...deadlines,
  ...cancellation,
  ...limits,
  ...largeMessages,
];
