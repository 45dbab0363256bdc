/**
 * What is said when the registry does not answer: one sentence about the registry. The call that found out has an
 * error of its own, which names the same address as its target, as its instance and as what it connected to.
 */
import { HeddleError, reasonText } from "../call/errors.ts";

/** `registryRefused`: credentials that the registry does not accept, or that don't reach as far as is asked. */
export function registryRefusal(registry: string, error: unknown): HeddleError {
  return new HeddleError(
    "registryRefused",
    { address: registry, reason: reasonText(error) },
    { cause: error },
  );
}

/** `registryUnreachable`, with what is new in `error` as its reason. */
export function registryError(registry: string, error: unknown): HeddleError {
  const text = reasonText(error);
  const known = text.lastIndexOf(`${registry}: `);
  const reason = known === -1 ? text : text.slice(known + registry.length + 2);
  return new HeddleError("registryUnreachable", { address: registry, reason }, { cause: error });
}
