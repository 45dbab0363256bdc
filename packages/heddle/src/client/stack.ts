/**
 * The whole path of an outgoing call on one page, in the order a request meets the layers. The answer comes
 * back the same way. The running process prints this list (`heddle stack`), and a golden file holds it.
 */
import type { ClientLayer } from "./layer.ts";
import { cancel } from "./layers/cancel.ts";
import { deadline } from "./layers/deadline.ts";
import { hedge } from "./layers/hedge.ts";
import { inherit } from "./layers/inherit.ts";
import { limit } from "./layers/limit.ts";
import { pick } from "./layers/pick.ts";
import { record } from "./layers/record.ts";
import { retry } from "./layers/retry.ts";
import { send } from "./layers/send.ts";
import { throttle } from "./layers/throttle.ts";

// Two lines of the list are carried out elsewhere: `stub` by `stub.ts` and `invoke.ts`, `interceptors` by
// `channel-transport.ts`.

const stub: ClientLayer = {
  name: "stub",
  does: "turns the typed method into a call and encodes the request",
  order: "the caller's own code is outside of it",
};

const interceptors: ClientLayer = {
  name: "interceptors",
  does: "yours, as in Connect; absent, they cost nothing",
  order: "outside everything of ours: they see one call, not its attempts",
};

export const clientStack: readonly ClientLayer[] = [
  stub,
  interceptors,
  record,
  inherit,
  deadline,
  cancel,
  throttle,
  limit,
  retry,
  hedge,
  // ── per attempt ──
  pick,
  send,
];
