/** The options of services, as somebody set them. A service need not have instances to have options. */
import { isFieldSet } from "@bufbuild/protobuf";
import { type ServiceOptions, ServiceOptionsSchema } from "../../gen/heddle/registry/v1/admin_pb.ts";

export class ServiceSettings {
  readonly #options = new Map<string, ServiceOptions>();
  readonly #observers: ((service: string) => void)[] = [];

  /** By name of the service. */
  get all(): ReadonlyMap<string, ServiceOptions> {
    return this.#options;
  }

  get(service: string): ServiceOptions | undefined {
    return this.#options.get(service);
  }

  /** Options without a field are as good as none. */
  set(service: string, options: ServiceOptions | undefined): void {
    const isEmpty =
      options === undefined || ServiceOptionsSchema.fields.every((field) => !isFieldSet(options, field));
    if (isEmpty) this.#options.delete(service);
    else this.#options.set(service, options);
    for (const observer of this.#observers) observer(service);
  }

  /** Told of every change to come. */
  observe(observer: (service: string) => void): void {
    this.#observers.push(observer);
  }
}
