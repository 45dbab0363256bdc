/** What people and their tools do with the registry, on the wire. */
import { create, isFieldSet } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  DeleteServiceConfigResponseSchema,
  DeleteStaticInstanceResponseSchema,
  DrainInstanceResponseSchema,
  GetServiceConfigResponseSchema,
  ListServiceConfigsResponseSchema,
  ListServicesResponseSchema,
  PutStaticInstanceResponseSchema,
  type RegistryAdminService,
  ServiceOptionsSchema,
  ServiceSummarySchema,
  SetServiceConfigResponseSchema,
  SetServiceOptionsResponseSchema,
} from "../../gen/heddle/registry/v1/admin_pb.ts";
import { faultsText, parseServiceConfig } from "../../policy/parse-service-config.ts";
import { ANY_NAME } from "../../policy/parse-service-configs.ts";
import { checkHealthCheck, checkInstance, checkName } from "./instance-check.ts";
import type { Registry } from "./registry.ts";
import type { ServiceConfigs } from "./service-configs.ts";
import type { ServiceSettings } from "./service-settings.ts";
import { type StoreKeeper, toStaticFact } from "./store-keeper.ts";

export interface AdminServiceOptions {
  readonly registry: Registry;
  readonly settings: ServiceSettings;
  readonly configs: ServiceConfigs;
  readonly keeper: Pick<StoreKeeper, "enter">;
}

export function createAdminService(options: AdminServiceOptions): ServiceImpl<typeof RegistryAdminService> {
  const { registry, settings, configs, keeper } = options;
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

    getServiceConfig({ name }) {
      checkName("name", name);
      const config = configs.for(name);
      const setFor = configs.get(name) === undefined ? ANY_NAME : name;
      return create(GetServiceConfigResponseSchema, config === undefined ? {} : { config, setFor });
    },

    async setServiceConfig({ name, config }) {
      checkName("name", name);
      if (config === undefined) throw invalid("config: it is missing; to have none, delete it");
      const { length } = JSON.stringify(config);
      if (length > MAX_CONFIG_LENGTH)
        throw invalid(`config: it is longer than ${MAX_CONFIG_LENGTH} characters`);
      const { faults, notes = [] } = parseServiceConfig(config);
      if (faults !== undefined) throw invalid(`config: ${faultsText(faults)}`);
      if (configs.get(name) === undefined && configs.size >= MAX_SERVICES)
        throw new ConnectError(`name: ${MAX_SERVICES} names have a config already`, Code.ResourceExhausted);
      if (configs.lengthBeside(name) + length > MAX_CONFIGS_LENGTH)
        throw new ConnectError(
          `config: all configs together would be longer than ${MAX_CONFIGS_LENGTH} characters`,
          Code.ResourceExhausted,
        );
      await keeper.enter({ kind: "config", key: name, value: config });
      return create(SetServiceConfigResponseSchema, {
        notes: [...notes],
        watchers: configs.watchersOf(name),
      });
    },

    async deleteServiceConfig({ name }) {
      checkName("name", name);
      const removed = configs.get(name) !== undefined;
      if (removed) await keeper.enter({ kind: "config", key: name, value: undefined });
      return create(DeleteServiceConfigResponseSchema, { removed });
    },

    listServiceConfigs() {
      const entries = [...configs.all]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, config]) => ({ name, config }));
      return create(ListServiceConfigsResponseSchema, { entries });
    },
  };
}

/** A service need not exist to have options, so that names could be made up without end. */
const MAX_SERVICES = 10_000;

/** Every client that watches the name gets it, and keeps it on disk. */
const MAX_CONFIG_LENGTH = 256 * 1024;
/** All are in memory, and in one answer to whoever lists them. */
const MAX_CONFIGS_LENGTH = 16 * 1024 * 1024;

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
