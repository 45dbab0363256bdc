/**
 * Which file declares what: the contracts of a server as reflection is asked for them. A file here is a descriptor with all
 * that it imports; what a name leads to is the file that declares it, never a copy of one.
 */
import type { DescEnum, DescExtension, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";

export interface SymbolIndex {
  /** By its name, as imports write it: `shop/v1/order.proto`. */
  file(name: string): DescFile | undefined;
  /** By a full name without a leading dot: `shop.v1.OrderService.PlaceOrder`. */
  fileOfSymbol(name: string): DescFile | undefined;
  /** By the message that is extended, and the number of the extension. */
  fileOfExtension(typeName: string, number: number): DescFile | undefined;
  /** In rising order; undefined for a message that is not known. */
  extensionNumbers(typeName: string): readonly number[] | undefined;
}

/** Of the files of the services and all that they import. */
export function createSymbolIndex(services: Iterable<DescService>): SymbolIndex {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();

  function add(file: DescFile): void {
    const name = nameOf(file);
    // Of two files of one name, the one that was there first is what its importers were told of.
    if (files.has(name)) return;
    files.set(name, file);
    for (const service of file.services) addService(service);
    for (const one of file.enums) addEnum(one);
    for (const message of file.messages) addMessage(message);
    for (const extension of file.extensions) addExtension(extension);
    for (const dependency of file.dependencies) add(dependency);
  }

  function name(symbol: string, file: DescFile): void {
    if (!symbols.has(symbol)) symbols.set(symbol, file);
  }

  function addService({ typeName, methods, file }: DescService): void {
    name(typeName, file);
    for (const method of methods) name(`${typeName}.${method.name}`, file);
  }

  function addEnum({ typeName, values, file }: DescEnum): void {
    name(typeName, file);
    // A value is a sibling of its enum.
    const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1);
    for (const value of values) name(`${scope}${value.name}`, file);
  }

  function addMessage(message: DescMessage): void {
    const { typeName, file } = message;
    name(typeName, file);
    if (!extensions.has(typeName)) extensions.set(typeName, new Map());
    for (const field of message.fields) name(`${typeName}.${field.name}`, file);
    for (const oneof of message.oneofs) name(`${typeName}.${oneof.name}`, file);
    for (const one of message.nestedEnums) addEnum(one);
    for (const nested of message.nestedMessages) addMessage(nested);
    for (const extension of message.nestedExtensions) addExtension(extension);
  }

  function addExtension({ typeName, number, extendee, file }: DescExtension): void {
    name(typeName, file);
    let numbers = extensions.get(extendee.typeName);
    if (numbers === undefined) extensions.set(extendee.typeName, (numbers = new Map()));
    if (!numbers.has(number)) numbers.set(number, file);
  }

  for (const { file } of services) add(file);

  return {
    file: (wanted) => files.get(wanted),
    fileOfSymbol: (symbol) => symbols.get(symbol),
    fileOfExtension: (typeName, number) => extensions.get(typeName)?.get(number),
    extensionNumbers(typeName) {
      const numbers = extensions.get(typeName);
      return numbers === undefined ? undefined : [...numbers.keys()].toSorted((a, b) => a - b);
    },
  };
}

/** With its extension, which protobuf-es takes off. */
export function nameOf(file: DescFile): string {
  return file.proto.name;
}
