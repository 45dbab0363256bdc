/** Contracts and what is used of them, on the wire. */
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { reasonText } from "../../call/errors.ts";
import type { RestMode as RestModeName } from "../../contract/compatibility/contract-text.ts";
import { contractHash } from "../../discovery/contract-hash.ts";
import {
  type Contract,
  type ContractService,
  GetContractResponseSchema,
  ListUsageResponseSchema,
  type MethodUsage,
  PublishContractResponseSchema,
  ReportUsageResponseSchema,
  RestMode,
} from "../../gen/heddle/contract/v1/contract_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type ContractStore, DAY_MS, dayOf } from "./contract-store.ts";
import { checkName } from "./instance-check.ts";

export interface ContractServiceOptions {
  readonly store: ContractStore;
  readonly clock: Clock;
  /** Something is new that is to be kept. */
  readonly onChange: () => void;
}

export function createContractService(options: ContractServiceOptions): ServiceImpl<typeof ContractService> {
  const { store, clock, onChange } = options;
  return {
    reportUsage(request) {
      checkName("service", request.service);
      checkName("instance", request.instance);
      checkCount("contracts", request.contracts, MAX_CONTRACTS);
      for (const hash of request.contracts) checkHash("contracts", hash);
      checkCount("methods", request.methods, MAX_METHODS);
      for (const usage of request.methods) checkUsage(usage);
      store.report(request, clock.wallMs());
      onChange();
      return create(ReportUsageResponseSchema, { wantedContracts: [...store.unknownOf(request.contracts)] });
    },

    publishContract({ hash, contract }) {
      checkHash("hash", hash);
      if (contract === undefined) throw invalid("contract: must not be empty");
      checkCount("contract.services", contract.services, MAX_SERVICES);
      if (contract.descriptorSet.length > MAX_CONTRACT_BYTES)
        throw new ConnectError(
          `contract.descriptor_set: ${contract.descriptorSet.length} bytes, more than ${MAX_CONTRACT_BYTES}`,
          Code.ResourceExhausted,
        );
      const found = hashOf(contract);
      if (found !== hash) throw invalid(`hash: that of this contract is ${found}`);
      store.putContract(hash, contract);
      onChange();
      return create(PublishContractResponseSchema);
    },

    getContract({ hash }) {
      checkHash("hash", hash);
      const contract = store.contract(hash);
      if (contract === undefined) throw new ConnectError(`hash: there is no contract ${hash}`, Code.NotFound);
      return create(GetContractResponseSchema, { contract });
    },

    listUsage({ services, days }) {
      checkCount("services", services, MAX_METHODS);
      const nowMs = clock.wallMs();
      const wanted = new Set(services);
      const isWanted = (method: string) =>
        wanted.size === 0 || wanted.has(method.slice(0, method.lastIndexOf("/")));
      const first = dayOf(nowMs - (Math.min(days || DEFAULT_DAYS, MAX_DAYS) - 1) * DAY_MS);
      const rows = [...store.rows];
      const shown = rows.filter(({ day, usage }) => day >= first && isWanted(usage.method));
      return create(ListUsageResponseSchema, {
        rows: shown.map(({ day, caller, usage }) => ({ day, caller, usage })),
        reporters: [...store.reporters].map(({ service, instance, lastWallMs }) => ({
          service,
          instance,
          ageMs: BigInt(Math.max(0, Math.round(nowMs - lastWallMs))),
        })),
        incomplete: store.incomplete,
        today: dayOf(nowMs),
        since: rows.reduce((oldest, { day }) => (oldest === "" || day < oldest ? day : oldest), ""),
      });
    },
  };
}

/** Throws INVALID_ARGUMENT for what is no contract. */
function hashOf({ descriptorSet, services, rest }: Contract): string {
  try {
    const set = fromBinary(FileDescriptorSetSchema, descriptorSet);
    const count = set.file.reduce((sum, file) => sum + descriptorsIn(file), 0);
    if (count > MAX_DESCRIPTORS) throw new Error(`it has more than ${MAX_DESCRIPTORS} descriptors`);
    const registry = createFileRegistry(set);
    const descs = services.map((name) => {
      const service = registry.getService(name);
      if (service === undefined) throw new Error(`it has no service ${name}`);
      return service;
    });
    return contractHash(descs, REST_MODES[rest] ?? "annotations");
  } catch (error) {
    throw invalid(`contract: ${reasonText(error)}`);
  }
}

function descriptorsIn({ messageType, enumType, extension, service }: FileDescriptorProto): number {
  let count = extension.length;
  for (const { method } of service) count += 1 + method.length;
  for (const { value } of enumType) count += 1 + value.length;
  // Of messages within messages there are more the deeper it goes: they are appended to what is gone over.
  const messages = [...messageType];
  for (const { field, nestedType, enumType: enums, extension: extensions } of messages) {
    count += 1 + field.length + extensions.length;
    for (const { value } of enums) count += 1 + value.length;
    for (const nested of nestedType) messages.push(nested);
  }
  return count;
}

const REST_MODES: Readonly<Partial<Record<RestMode, RestModeName>>> = {
  [RestMode.CONVENTIONS]: "conventions",
  [RestMode.OFF]: "off",
};

function checkUsage({ method, fields, calls, restCalls, sampledCalls }: MethodUsage): void {
  checkName("methods.method", method);
  if (!method.includes("/")) throw invalid(`methods.method: "${method}" has no slash before its name`);
  if (sampledCalls > calls) throw invalid("methods.sampled_calls: more than calls");
  if (restCalls > calls) throw invalid("methods.rest_calls: more than calls");
  checkCount("methods.fields", fields, MAX_FIELDS);
  for (const { field } of fields) checkName("methods.fields.field", field);
}

function checkHash(field: string, hash: string): void {
  if (!/^[0-9a-f]{16}$/.test(hash)) throw invalid(`${field}: a hash is 16 hex digits`);
}

function checkCount(field: string, list: readonly unknown[], max: number): void {
  if (list.length > max) throw invalid(`${field}: more than ${max}`);
}

function invalid(reason: string): ConnectError {
  return new ConnectError(reason, Code.InvalidArgument);
}

const MAX_CONTRACTS = 16;
const MAX_METHODS = 1_000;
const MAX_FIELDS = 2_000;
const MAX_CONTRACT_BYTES = 4 * 1024 * 1024 - 1024;
const DEFAULT_DAYS = 7;
/** More than is kept. */
const MAX_DAYS = 1_000;
/** Services of one contract. */
const MAX_SERVICES = 1_000;
/** Messages, fields, enums, their values, services and methods of one contract: to read more would take seconds. */
const MAX_DESCRIPTORS = 50_000;
