/**
 * Who we are to etcd: name and password become a token that goes with every call. Tokens run out and are forgotten when
 * a cluster restarts; whoever meets that says `forget`, and the next call logs in again, one for all that wait.
 *
 * A cluster whose authentication is switched off refuses to hand out tokens: then calls go without one, as in etcd's own
 * client, until a call is told that it needs one.
 */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { Auth } from "../../gen/etcd/rpc_pb.ts";

export interface EtcdLogin {
  /** The metadata that a call carries. Rejects when etcd doesn't answer, or knows no such user and password. */
  headers(): Promise<Record<string, string>>;
  /** These headers were refused: they are not used again. */
  forget(headers: Record<string, string>): void;
  /** False: there is nobody to log in. */
  readonly hasUser: boolean;
}

export interface EtcdLoginOptions {
  readonly client: Client<typeof Auth>;
  /** Empty: calls carry no token. */
  readonly username: string;
  readonly password: string;
  readonly timeoutMs: number;
}

export function createEtcdLogin(options: EtcdLoginOptions): EtcdLogin {
  const { client, username, password, timeoutMs } = options;
  let current: Promise<Record<string, string>> | undefined;
  let known: Record<string, string> | undefined;

  async function logIn(): Promise<Record<string, string>> {
    try {
      const { token } = await client.authenticate(
        { name: username, password },
        { timeoutMs, headers: BASE_HEADERS },
      );
      known = { ...BASE_HEADERS, token };
    } catch (error) {
      if (!(error instanceof ConnectError && error.code === Code.FailedPrecondition)) {
        current = undefined;
        throw error;
      }
      known = { ...BASE_HEADERS };
    }
    return known;
  }

  return {
    hasUser: username !== "",
    async headers() {
      if (username === "") return BASE_HEADERS;
      current ??= logIn();
      return await current;
    },
    forget(headers) {
      if (headers !== known) return;
      known = undefined;
      current = undefined;
    },
  };
}

/** A member that has lost its leader says so, instead of keeping silent until it finds one. */
const BASE_HEADERS: Record<string, string> = { hasleader: "true" };
