/** What people and their tools do with the registry, on the wire. */
import { create, isFieldSet } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  DeleteStaticInstanceResponseSchema,
  DrainInstanceResponseSchema,
  ListServicesResponseSchema,
  PutStaticInstanceResponseSchema,
  type RegistryAdminService,
  ServiceOptionsSchema,
  ServiceSummarySchema,
  SetServiceOptionsResponseSchema,
} from "../../gen/heddle/registry/v1/admin_pb.ts";
import { checkHealthCheck, checkInstance, checkName } from "./instance-check.ts";
import type { Registry } from "./registry.ts";
import type { ServiceSettings } from "./service-settings.ts";
import { type StoreKeeper, toStaticFact } from "./store-keeper.ts";

export interface AdminServiceOptions {
  readonly registry: Registry;
  readonly settings: ServiceSettings;
  readonly keeper: Pick<StoreKeeper, "enter">;
}

export function createAdminService(options: AdminServiceOptions): ServiceImpl<typeof RegistryAdminService> {
  const { registry, settings, keeper } = options;
  return {
    async putStaticInstance(request) {
      if (request.instance === undefined) throw invalid("instance: must not be empty");
      const fact = toStaticFact(request);
      const { instance, check } = fact.value ?? {};
      if (instance === undefined) throw invalid("instance: must not be empty");
      inField("instance.", () => checkInstance(instance));
      if (check !== undefined) checkHealthCheck("check", check);
      registry.checkMayEnter(instance);
      await keeper.enter(fact);
      return create(PutStaticInstanceResponseSchema, { revision: registry.revision });
    },

    async deleteStaticInstance({ id }) {
      checkName("id", id);
      const removed = registry.find(id)?.heldBy === "static";
      if (removed) await keeper.enter({ kind: "static", key: id, value: undefined });
      return create(DeleteStaticInstanceResponseSchema, { removed });
    },

    async drainInstance({ id, draining = true }) {
      checkName("id", id);
      const record = registry.find(id);
      if (record === undefined) throw new ConnectError(`id: there is no instance ${id}`, Code.NotFound);
      const value = draining ? record.given.incarnation : undefined;
      await keeper.enter({ kind: "drain", key: id, value });
      const instance = registry.find(id)?.shown;
      return create(DrainInstanceResponseSchema, instance ? { instance } : {});
    },

    async setServiceOptions({ service, options: given }) {
      checkName("service", service);
      if (given?.check !== undefined) checkHealthCheck("options.check", given.check);
      const isEmpty =
        given === undefined || ServiceOptionsSchema.fields.every((field) => !isFieldSet(given, field));
      if (!isEmpty && settings.get(service) === undefined && settings.all.size >= MAX_SERVICES)
        throw new ConnectError(`options: ${MAX_SERVICES} services have some already`, Code.ResourceExhausted);
      await keeper.enter({ kind: "service", key: service, value: isEmpty ? undefined : given });
      return create(SetServiceOptionsResponseSchema);
    },

    listServices() {
      const { counts } = registry.services;
      const names = [...new Set([...counts.keys(), ...settings.all.keys()])].toSorted();
      const services = names.map((service) => {
        const own = settings.get(service);
        return create(ServiceSummarySchema, {
          service,
          ...counts.get(service),
          ...(own ? { options: own } : {}),
        });
      });
      return create(ListServicesResponseSchema, { services, complete: registry.complete });
    },
  };
}

/** A service need not exist to have options, so that names could be made up without end. */
const MAX_SERVICES = 10_000;

/** Puts the way to a field before what is said of it. */
function inField(prefix: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    const { rawMessage, code } = ConnectError.from(error);
    throw new ConnectError(prefix + rawMessage, code);
  }
}

function invalid(reason: string): ConnectError {
  return new ConnectError(reason, Code.InvalidArgument);
}
