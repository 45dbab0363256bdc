/**
 * Holds one instance in Heddle's registry: one stream, on which the instance is said first and whenever it changes, and
 * a heartbeat at each third of the lease. Every message is answered, and the next one waits for the answer.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { reasonText } from "../../call/errors.ts";
import { type Hold, type Holder, RegistrationRefused } from "../../discovery/holder.ts";
import { type LiveStream, openLiveStream } from "../../discovery/waiting/live-stream.ts";
import { createSendQueue } from "../../discovery/waiting/send-queue.ts";
import {
  type RegisterRequest,
  RegisterRequestSchema,
  type RegisterResponse,
  type RegistryService,
} from "../../gen/heddle/registry/v1/registry_pb.ts";
import type { Timers } from "../../runtime/timer.ts";
import { toHealthCheck, toInstance } from "./instance.ts";

export interface HeddleHolderOptions {
  readonly client: Client<typeof RegistryService>;
  /** Must grow from one start of the process to the next, for as long as instance ids are the same. */
  readonly incarnation: bigint;
  readonly timers: Timers;
}

/** How long the registry may take to answer the first message of a stream. */
const GRANT_TIMEOUT_MS = 5_000;

export function createHeddleHolder({ client, incarnation, timers }: HeddleHolderOptions): Holder {
  return {
    async hold(hold) {
      const requests = createSendQueue<RegisterRequest>();
      const stream = openLiveStream((signal) => client.register(requests, { signal, timeoutMs: 0 }), timers);
      hold.signal.addEventListener("abort", stream.close, { once: true });
      if (hold.signal.aborted) stream.close();
      try {
        return await converse(hold, stream, (message) =>
          requests.push(
            create(RegisterRequestSchema, {
              message,
              ...(message.case === "instance" && hold.check ? { check: toHealthCheck(hold.check) } : {}),
            }),
          ),
        );
      } catch (error) {
        throw isRefusal(error) ? new RegistrationRefused(reasonText(error), { cause: error }) : error;
      } finally {
        requests.end();
        hold.signal.removeEventListener("abort", stream.close);
        stream.close();
      }
    },
    async release({ id }, signal) {
      await client.deregister({ id, incarnation }, { signal });
    },
  };

  /** Ends only by throwing. */
  async function converse(
    hold: Hold,
    stream: LiveStream<RegisterResponse>,
    send: (message: NonNullable<MessageInitShape<typeof RegisterRequestSchema>["message"]>) => void,
  ): Promise<never> {
    const describe = () => send({ case: "instance", value: toInstance(hold.instance, incarnation) });
    let ttlMs = 0;
    let sequence = 0n;
    let answered = Promise.withResolvers<void>();

    async function listen(): Promise<never> {
      for (;;) {
        // A third of the lease until the next message is due, and half a lease for its answer.
        const { message } = await stream.next(ttlMs === 0 ? GRANT_TIMEOUT_MS : ttlMs / 3 + ttlMs / 2);
        if (message.case === "lease") ttlMs = Math.max(1, message.value.ttlMs);
        answered.resolve();
      }
    }

    async function speak(): Promise<never> {
      for (;;) {
        await answered.promise;
        hold.registered();
        answered = Promise.withResolvers();
        if ((await hold.next(ttlMs / 3)) === "changed") describe();
        else send({ case: "heartbeat", value: { sequence: ++sequence } });
      }
    }

    describe();
    return Promise.race([listen(), speak()]);
  }
}

/** True for what trying again with the same instance can't mend. */
function isRefusal(error: unknown): boolean {
  return error instanceof ConnectError && REFUSALS.has(error.code);
}

const REFUSALS: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.PermissionDenied,
  // A newer incarnation has it, or an entry that stays.
  Code.FailedPrecondition,
  Code.Unauthenticated,
  Code.Unimplemented,
]);
