/** Files: whether they are there, what stands in which, and the options by which other languages generate code. */
import type { DescFile } from "@bufbuild/protobuf";
import type { FileOptions } from "@bufbuild/protobuf/wkt";
import type { Contract } from "./contract.ts";
import type { RuleName } from "./contract-break.ts";
import type { Report } from "./report.ts";

export function compareFiles(before: Contract, after: Contract, report: Report): void {
  for (const [path, file] of before.files) {
    const now = after.files.get(path);
    if (now === undefined) {
      report.add({
        name: path,
        what: `file ${path} was deleted, and who imports its code finds none`,
        rules: ["FILE_NO_DELETE"],
        touched: { kind: "none" },
      });
    } else compareFile(file, now, report);
  }
}

function compareFile(before: DescFile, after: DescFile, report: Report): void {
  const path = before.proto.name;
  const changed = (what: string, rule: RuleName, from: unknown, to: unknown) => {
    if (from === to) return;
    report.add({
      name: path,
      what: `${what} of file ${path} changed from "${String(from)}" to "${String(to)}"`,
      rules: [rule],
      touched: { kind: "none" },
      // Its types have other names now, and each of these is a finding of its own.
      noticed: "none",
    });
  };
  changed("the package", "FILE_SAME_PACKAGE", before.proto.package, after.proto.package);
  changed("the syntax", "FILE_SAME_SYNTAX", syntaxOf(before), syntaxOf(after));
  for (const [option, rule, byDefault] of OPTIONS)
    changed(
      `option ${rule.slice("FILE_SAME_".length).toLowerCase()}`,
      rule,
      optionOf(before, option) ?? byDefault,
      optionOf(after, option) ?? byDefault,
    );
}

function syntaxOf({ proto }: DescFile): string {
  return proto.syntax === "editions" ? `edition ${proto.edition}` : proto.syntax || "proto2";
}

function optionOf({ proto }: DescFile, option: keyof FileOptions): unknown {
  const { options } = proto;
  return options !== undefined && Object.hasOwn(options, option) ? options[option] : undefined;
}

const OPTIONS: readonly (readonly [keyof FileOptions, RuleName, unknown])[] = [
  ["ccEnableArenas", "FILE_SAME_CC_ENABLE_ARENAS", true],
  ["ccGenericServices", "FILE_SAME_CC_GENERIC_SERVICES", false],
  ["csharpNamespace", "FILE_SAME_CSHARP_NAMESPACE", ""],
  ["goPackage", "FILE_SAME_GO_PACKAGE", ""],
  ["javaGenericServices", "FILE_SAME_JAVA_GENERIC_SERVICES", false],
  ["javaMultipleFiles", "FILE_SAME_JAVA_MULTIPLE_FILES", false],
  ["javaOuterClassname", "FILE_SAME_JAVA_OUTER_CLASSNAME", ""],
  ["javaPackage", "FILE_SAME_JAVA_PACKAGE", ""],
  ["objcClassPrefix", "FILE_SAME_OBJC_CLASS_PREFIX", ""],
  // SPEED
  ["optimizeFor", "FILE_SAME_OPTIMIZE_FOR", 1],
  ["phpClassPrefix", "FILE_SAME_PHP_CLASS_PREFIX", ""],
  ["phpMetadataNamespace", "FILE_SAME_PHP_METADATA_NAMESPACE", ""],
  ["phpNamespace", "FILE_SAME_PHP_NAMESPACE", ""],
  ["pyGenericServices", "FILE_SAME_PY_GENERIC_SERVICES", false],
  ["rubyPackage", "FILE_SAME_RUBY_PACKAGE", ""],
  ["swiftPrefix", "FILE_SAME_SWIFT_PREFIX", ""],
];
