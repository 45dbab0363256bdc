/** Heddle's control plane as the place where a process says what it answers and what it uses. */
import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { RestMode as RestModeName } from "../../contract/compatibility/contract-text.ts";
import type { ContractLedger } from "../../discovery/contract-ledger.ts";
import {
  type ContractService,
  PublishContractRequestSchema,
  ReportUsageRequestSchema,
  RestMode,
} from "../../gen/heddle/contract/v1/contract_pb.ts";

export function createHeddleLedger(client: Client<typeof ContractService>): ContractLedger {
  return {
    async report({ service, instance, contracts, methods }, timeoutMs) {
      const request = create(ReportUsageRequestSchema, {
        service,
        instance,
        contracts: [...contracts],
        methods: methods.map(({ method, json, calls, restCalls, sampledCalls, fields, fieldsCut }) => ({
          method,
          json,
          calls: BigInt(calls),
          restCalls: BigInt(restCalls),
          sampledCalls: BigInt(sampledCalls),
          fields: [...fields].map(([field, { readIn, setIn }]) => ({
            field,
            readIn: BigInt(readIn),
            setIn: BigInt(setIn),
          })),
          fieldsCut,
        })),
      });
      const { wantedContracts } = await client.reportUsage(request, { timeoutMs });
      return wantedContracts;
    },
    async publish({ hash, services, rest, image }, timeoutMs) {
      const contract = {
        descriptorSet: image(),
        services: services.map(({ typeName }) => typeName),
        rest: REST_MODES[rest],
      };
      await client.publishContract(create(PublishContractRequestSchema, { hash, contract }), { timeoutMs });
    },
  };
}

const REST_MODES: Readonly<Record<RestModeName, RestMode>> = {
  annotations: RestMode.UNSPECIFIED,
  conventions: RestMode.CONVENTIONS,
  off: RestMode.OFF,
};
